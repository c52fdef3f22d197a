package jwt

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

func TestNew_algorithms(t *testing.T) {
	for _, tt := range []struct {
		alg    string
		pinned []string
		sign   any
		verify any
	}{
		{"HS256", nil, secret, secret},
		{"HS512", []string{"HS512"}, secret, secret},
		{"RS256", nil, rsaKey(), &rsaKey().PublicKey},
		{"PS384", []string{"PS384", "RS256"}, rsaKey(), &rsaKey().PublicKey},
		{"ES256", nil, ecKey(), &ecKey().PublicKey},
		{"EdDSA", nil, edKey(), edKey().Public()},
	} {
		t.Run(tt.alg, func(t *testing.T) {
			conf := config()
			conf.Keys, conf.Algorithms = Key(tt.verify), tt.pinned
			client := geisttest.New(t, guarded(conf))
			good := sign(tt.alg, tt.sign, map[string]any{"kid": "whatever"}, claims(nil))
			ask(t, client, good, 200).BodyIs("hello ada").NoHeader("WWW-Authenticate").NoHeader("Vary")
			ask(t, client, good[:len(good)-6]+"AAAAAA", 401)
		})
	}
}

// What is not among the algorithms is refused, though the key could verify it.
func TestConfig_algorithmsArePinned(t *testing.T) {
	client := geisttest.New(t, guarded(config()))
	ask(t, client, sign("HS512", secret, nil, claims(nil)), 401)
	conf := config()
	conf.Algorithms = []string{"HS512"}
	client = geisttest.New(t, guarded(conf))
	ask(t, client, sign("HS512", secret, nil, claims(nil)), 200)
	ask(t, client, sign("HS256", secret, nil, claims(nil)), 401)
}

func TestNew_challenges(t *testing.T) {
	client := geisttest.New(t, guarded(config()))
	const invalid = `Bearer realm="restricted", error="invalid_token", error_description="the token is not valid"`
	for _, tt := range []struct {
		name, token string
		status      int
		challenge   string
	}{
		{"none", "", 401, `Bearer realm="restricted"`},
		{"expired", sign("HS256", secret, nil, claims(gojwt.MapClaims{"exp": 1})), 401,
			`Bearer realm="restricted", error="invalid_token", error_description="the token has expired"`},
		{"early", sign("HS256", secret, nil, claims(gojwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()})), 401,
			`Bearer realm="restricted", error="invalid_token", error_description="the token is not valid yet"`},
		{"another issuer", sign("HS256", secret, nil, claims(gojwt.MapClaims{"iss": "https://evil.example/"})), 401, invalid},
		{"no issuer", sign("HS256", secret, nil, claims(gojwt.MapClaims{"iss": nil})), 401, invalid},
		{"another audience", sign("HS256", secret, nil, claims(gojwt.MapClaims{"aud": []string{"a", "b"}})), 401, invalid},
		{"no audience", sign("HS256", secret, nil, claims(gojwt.MapClaims{"aud": nil})), 401, invalid},
		{"no exp", sign("HS256", secret, nil, claims(gojwt.MapClaims{"exp": nil})), 401, invalid},
		{"a forged one that has expired", sign("HS256", []byte("another"), nil, claims(gojwt.MapClaims{"exp": 1})), 401, invalid},
		{"two", "", 400, `Bearer realm="restricted", error="invalid_request", error_description="the request has more than one token"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := client.With(t).GET("/")
			if tt.token != "" || tt.status == 400 {
				r.Header("Authorization", "Bearer "+tt.token)
			}
			if tt.status == 400 {
				r.Header("Authorization", "Bearer x")
			}
			if got := r.Do().Status(tt.status).Header("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("WWW-Authenticate = %s, want %s", got, tt.challenge)
			}
		})
	}
}

func TestConfig_anyIssuerAndAudience(t *testing.T) {
	client := geisttest.New(t, guarded(Config{Keys: Key(secret), AnyIssuer: true, AnyAudience: true}))
	ask(t, client, sign("HS256", secret, nil, claims(gojwt.MapClaims{"iss": nil, "aud": nil})), 200)
	ask(t, client, sign("HS256", secret, nil, claims(gojwt.MapClaims{"exp": nil})), 401)
}

func TestConfig_leeway(t *testing.T) {
	for _, tt := range []struct {
		leeway time.Duration
		late   time.Duration
		status int
	}{{0, 9 * time.Second, 200}, {0, 10 * time.Second, 401}, {-1, 0, 401}, {-1, -time.Second, 200}, {time.Minute, 59 * time.Second, 200}} {
		synctest.Test(t, func(t *testing.T) {
			conf := config()
			conf.Leeway = tt.leeway
			client := geisttest.New(t, guarded(conf))
			token := sign("HS256", secret, nil, claims(gojwt.MapClaims{"exp": time.Now().Add(-tt.late).Unix()}))
			ask(t, client, token, tt.status)
		})
	}
}

func TestConfig_type(t *testing.T) {
	conf := config()
	conf.Type = "at+JWT"
	client := geisttest.New(t, guarded(conf))
	ask(t, client, sign("HS256", secret, map[string]any{"typ": "application/at+jwt"}, claims(nil)), 200)
	ask(t, client, sign("HS256", secret, nil, claims(nil)), 401)
	ask(t, client, signRaw(`{"alg":"HS256"}`, payloadJSON("")), 401)
}

func TestConfig_sources(t *testing.T) {
	conf := config()
	conf.Sources = []Source{Bearer(), Header("X-Token"), Cookie("token"), Query("access_token")}
	client := geisttest.New(t, guarded(conf))
	token := sign("HS256", secret, nil, claims(nil))
	for _, r := range []*geisttest.Request{
		client.GET("/").Header("Authorization", "bearer "+token), client.GET("/").Header("X-Token", token),
		client.GET("/").Cookie("token", token), client.GET("/").Query("access_token", token),
	} {
		answer := r.Do().Status(200)
		if got := answer.Raw().Header.Values("Vary"); !slices.Equal(got, []string{"X-Token", "Cookie"}) {
			t.Errorf("%s: Vary = %q", r, got)
		}
	}
	client.GET("/").Cookie("token", token).Query("access_token", token).Do().Status(400)
}

func TestConfig_revoked(t *testing.T) {
	var revoked bool
	var fail error
	conf := config()
	conf.CacheFor = time.Hour // what is cached is asked for, too
	conf.Revoked = func(_ *geist.Ctx, token *Token) (bool, error) {
		if token.ID != "t7" {
			t.Errorf("Revoked was given the token %q, want t7", token.ID)
		}
		return revoked, fail
	}
	client := geisttest.New(t, guarded(conf))
	token := sign("HS256", secret, nil, claims(gojwt.MapClaims{"jti": "t7"}))
	ask(t, client, token, 200)
	revoked = true
	ask(t, client, token, 401).HasHeader("WWW-Authenticate", `Bearer realm="restricted", error="invalid_token", error_description="the token has been withdrawn"`)
	revoked, fail = false, errors.New("db-7 is down")
	if body := ask(t, client, token, 503).HasHeader("Retry-After", "1").Text(); strings.Contains(body, "db-7") {
		t.Errorf("the answer tells of the inside: %s", body)
	}
	fail = geist.NewError(429, "too many")
	ask(t, client, token, 429)
}

// A cached token ends when it expires, and when its time is over it is verified anew.
func TestConfig_cacheFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := config()
		conf.CacheFor = time.Hour
		g := newGuard(conf)
		app := geist.New()
		app.Use(g.handle)
		app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
		client := geisttest.New(t, app)
		token := sign("HS256", secret, nil, claims(nil))
		ask(t, client, token, 204)
		if _, ok := g.seen.Get(g.seen.ID(token)); !ok {
			t.Fatal("the token was not remembered")
		}
		ask(t, client, token, 204)
		time.Sleep(10*time.Minute + DefaultLeeway)
		ask(t, client, token, 401)
	})
}

func TestScope(t *testing.T) {
	app := guarded(config())
	app.GET("/write", Scope("read", "write"), func(c *geist.Ctx) error { return c.NoContent() })
	bare := geist.New()
	bare.GET("/", Scope("read"), func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		name   string
		claims gojwt.MapClaims
		status int
	}{
		{"both", gojwt.MapClaims{"scope": "write read"}, 204},
		{"a list", gojwt.MapClaims{"scp": []string{"read", "write"}}, 204},
		{"a text in scp", gojwt.MapClaims{"scp": "read write"}, 204},
		{"one", gojwt.MapClaims{"scope": "read"}, 403},
		{"none", nil, 403},
		{"a longer one", gojwt.MapClaims{"scope": "read writeall"}, 403},
		{"scope goes before scp", gojwt.MapClaims{"scope": "", "scp": "read write"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := client.With(t).GET("/write").Header("Authorization", "Bearer "+sign("HS256", secret, nil, claims(tt.claims))).Do().Status(tt.status)
			if tt.status == 403 {
				answer.HasHeader("WWW-Authenticate", `Bearer error="insufficient_scope", error_description="the token does not allow this", scope="read write"`)
			}
		})
	}
	geisttest.New(t, bare).GET("/").Do().Status(401).HasHeader("WWW-Authenticate", `Bearer scope="read"`)
}

func TestClaims(t *testing.T) {
	type mine struct {
		Org   string `json:"org"`
		Level int    `json:"level"`
	}
	app := guarded(config())
	app.GET("/mine", func(c *geist.Ctx) error {
		m, err := Claims[mine](c)
		if err != nil {
			return err
		}
		return c.JSON(200, m)
	})
	client := geisttest.New(t, app)
	get := func(more gojwt.MapClaims, status int) *geisttest.Response {
		return client.GET("/mine").Header("Authorization", "Bearer "+sign("HS256", secret, nil, claims(more))).Do().Status(status)
	}
	get(gojwt.MapClaims{"org": "acme", "level": 3}, 200).BodyIs(`{"org":"acme","level":3}`)
	get(gojwt.MapClaims{"level": "high"}, 401).HasHeader("WWW-Authenticate", `Bearer error="invalid_token", error_description="the token is not valid"`)
	bare := geist.New()
	bare.GET("/", func(c *geist.Ctx) error {
		_, err := Claims[mine](c)
		return err
	})
	geisttest.New(t, bare).GET("/").Do().Status(401)
}

func TestToken_fields(t *testing.T) {
	app := geist.New()
	app.Use(New(config()))
	var got *Token
	app.GET("/", func(c *geist.Ctx) error {
		got, _ = From(c)
		return c.NoContent()
	})
	now := time.Now().Truncate(time.Second)
	token := sign("HS256", secret, map[string]any{"kid": "k1"}, claims(gojwt.MapClaims{
		"aud": []string{"x", audience}, "jti": "t7", "iat": now.Unix(), "nbf": now.Unix(), "exp": float64(now.Unix()) + 60.9, "scope": "a b",
	}))
	ask(t, geisttest.New(t, app), token, 204)
	if got.Subject != "ada" || got.Issuer != issuer || got.ID != "t7" || got.KeyID != "k1" || got.Algorithm != "HS256" ||
		!slices.Equal(got.Audience, []string{"x", audience}) || !slices.Equal(got.Scopes, []string{"a", "b"}) ||
		!got.IssuedAt.Equal(now) || !got.NotBefore.Equal(now) || !got.Expires.Equal(now.Add(time.Minute)) {
		t.Errorf("the token is %+v", got)
	}
}

func TestNew_panics(t *testing.T) {
	change := func(f func(*Config)) func() {
		conf := config()
		f(&conf)
		return func() { New(conf) }
	}
	for _, tt := range []struct {
		name, want string
		f          func()
	}{
		{"no Config", "Config.Keys is nil", func() { New() }},
		{"two", "more than one Config", func() { New(config(), config()) }},
		{"no issuer", "Config.Issuer is empty", change(func(c *Config) { c.Issuer = "" })},
		{"both issuers", "both set", change(func(c *Config) { c.AnyIssuer = true })},
		{"no audience", "Config.Audience is empty", change(func(c *Config) { c.Audience = nil })},
		{"both audiences", "both set", change(func(c *Config) { c.AnyAudience = true })},
		{"an empty audience", "an empty name", change(func(c *Config) { c.Audience = []string{""} })},
		{"none", `"none"`, change(func(c *Config) { c.Algorithms = []string{"none"} })},
		{"an algorithm without a key", "RS256, for which there is no key", change(func(c *Config) { c.Algorithms = []string{"RS256"} })},
		{"leeway", "Config.Leeway", change(func(c *Config) { c.Leeway = time.Hour })},
		{"size", "Config.MaxTokenBytes", change(func(c *Config) { c.MaxTokenBytes = -1 })},
		{"cache", "Config.CacheFor", change(func(c *Config) { c.CacheFor = -1 })},
		{"realm", "Config.Realm", change(func(c *Config) { c.Realm = "\n" })},
		{"source", "Config.Sources", change(func(c *Config) { c.Sources = []Source{Cookie("a b")} })},
		{"a secret for a JWKS", "HS256, for which there is no key", change(func(c *Config) {
			c.Keys, c.Algorithms = NewJWKS(JWKSConfig{URLs: []string{"https://a.example/"}}), []string{"HS256"}
		})},
		{"a short secret", "31 bytes", func() { Key(secret[:31]) }},
		{"a text", "the key is a string", func() { Key("secret") }},
		{"nil", "the key is a <nil>", func() { Key(nil) }},
		{"a private key", "the key is a private one", func() { Key(rsaKey()) }},
		{"a weak key", "shorter than 2048 bits", func() { Key(&weakKey().PublicKey) }},
		{"no keys", "no keys", func() { KeyRing(nil) }},
		{"a bad key of several", `KeyRing "b"`, func() { KeyRing(map[string]any{"a": secret, "b": 7}) }},
		{"no scope", "no scopes", func() { Scope() }},
		{"two scopes in one", "no scope", func() { Scope("a b") }},
		{"no URL", "JWKSConfig.URLs is empty", func() { NewJWKS(JWKSConfig{}) }},
		{"http", "use https", func() { NewJWKS(JWKSConfig{URLs: []string{"http://id.example.com/"}}) }},
		{"a file", "use https", func() { NewJWKS(JWKSConfig{URLs: []string{"file:///etc/passwd"}}) }},
		{"negative time", "JWKSConfig.MaxStale", func() { NewJWKS(JWKSConfig{URLs: []string{"https://a.example/"}, MaxStale: -1}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "jwt: ") {
					t.Errorf("panicked with %q, want %q", got, tt.want)
				}
			}()
			tt.f()
		})
	}
}

func TestConfig_scheme(t *testing.T) {
	if s := config().Scheme(); s.Type != "http" || s.Scheme != "bearer" || s.BearerFormat != "JWT" {
		t.Errorf("Scheme = %+v", s)
	}
	conf := Config{Sources: []Source{Cookie("token")}}
	if s := conf.Scheme(); s.Type != "apiKey" || s.In != "cookie" || s.Key != "token" {
		t.Errorf("Scheme = %+v", s)
	}
}
