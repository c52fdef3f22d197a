package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

const (
	issuer   = "https://id.example.com/"
	audience = "https://api.example.com"
)

var (
	secret  = []byte("0123456789abcdef0123456789abcdef")
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	weakKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	ecKey   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey   = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// claims returns claims that are valid for ten minutes, with changes; nil removes one.
func claims(changes gojwt.MapClaims) gojwt.MapClaims {
	c := gojwt.MapClaims{"iss": issuer, "aud": audience, "sub": "ada", "exp": time.Now().Add(10 * time.Minute).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// sign makes a token. The header is added to alg and typ.
func sign(alg string, key any, header map[string]any, c gojwt.MapClaims) string {
	t := gojwt.NewWithClaims(gojwt.GetSigningMethod(alg), c)
	maps.Copy(t.Header, header)
	return must(t.SignedString(key))
}

// signRaw makes a token of a header and claims as they stand, signed by the secret.
func signRaw(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	return text + "." + encode(must(gojwt.SigningMethodHS256.Sign(text, secret)))
}

// payloadJSON returns valid claims as JSON, behind which more members follow.
func payloadJSON(more string) string {
	b := string(must(json.Marshal(claims(nil))))
	return b[:len(b)-1] + more + "}"
}

const plainHeader = `{"alg":"HS256","typ":"JWT"}`

// config returns what most tests use.
func config() Config {
	return Config{Keys: Key(secret), Issuer: issuer, Audience: []string{audience}}
}

// guarded returns an engine that greets the subject of a token.
func guarded(conf Config) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(New(conf))
	app.GET("/", func(c *geist.Ctx) error {
		token, ok := From(c)
		if !ok {
			return geist.NewError(500, "no token")
		}
		return c.Text(200, "hello "+token.Subject)
	})
	return app
}

// ask asserts the status that a token gets.
func ask(t *testing.T, client *geisttest.Client, token string, status int) *geisttest.Response {
	t.Helper()
	return client.With(t).GET("/").Header("Authorization", "Bearer "+token).Do().Status(status)
}

// asError returns the geist.Error in err's chain, or nil.
func asError(err error) *geist.Error {
	e, _ := errors.AsType[*geist.Error](err)
	return e
}
