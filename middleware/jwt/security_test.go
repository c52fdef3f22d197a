package jwt

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// asJSON returns v as JSON, for headers.
func asJSON(v any) string { return string(must(json.Marshal(v))) }

// Tokens without a signature, and those that say so in another case.
func TestCVE_2015_9235_algNone(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, keys := range []Keys{Key(secret), Key(&rsaKey().PublicKey)} {
		conf := config()
		conf.Keys = keys
		client := geisttest.New(t, guarded(conf))
		for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
			text := encode([]byte(`{"alg":"`+alg+`"}`)) + "." + encode([]byte(payloadJSON(""))) + "."
			ask(t, client, text, 401)
			ask(t, client, text+encode([]byte("x")), 401)
		}
		ask(t, client, sign("none", gojwt.UnsafeAllowNoneSignatureType, nil, claims(nil)), 401)
	}
}

// The public key, which everybody has, is no secret: whatever form of it is signed with, and
// whether or not HMAC is an algorithm here.
func TestCVE_2016_10555_publicKeyAsSecret(t *testing.T) {
	der := must(x509.MarshalPKIXPublicKey(&rsaKey().PublicKey))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for _, keys := range []Keys{Key(&rsaKey().PublicKey), KeyRing(map[string]any{"rsa": &rsaKey().PublicKey, "hmac": secret})} {
		conf := config()
		conf.Keys = keys
		client := geisttest.New(t, guarded(conf))
		for _, key := range [][]byte{der, text, rsaKey().N.Bytes()} {
			ask(t, client, sign("HS256", key, map[string]any{"kid": "rsa"}, claims(nil)), 401)
		}
	}
}

// A key that the token brings along proves nothing.
func TestCVE_2018_0114_embeddedKey(t *testing.T) {
	conf := config()
	conf.Keys = Key(&ecKey().PublicKey)
	client := geisttest.New(t, guarded(conf))
	attackers := rsaKey()
	for name, value := range map[string]any{
		"jwk": map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(attackers.N.Bytes()), "e": "AQAB"},
		"jku": "http://127.0.0.1:1/jwks.json", "x5u": "http://127.0.0.1:1/cert.pem", "x5c": []string{"MIIB"},
	} {
		header := map[string]any{name: value}
		ask(t, client, sign("RS256", attackers, header, claims(nil)), 401)
		ask(t, client, sign("ES256", ecKey(), header, claims(nil)), 200) // it is not looked at
	}
}

// A header of dots, or a long token, is refused before it is split: what it costs does not grow
// with its length.
func TestCVE_2025_30204_manyDots(t *testing.T) {
	conf := config()
	conf.MaxTokenBytes = 1 << 20
	p := newParser(conf)
	for _, raw := range []string{strings.Repeat(".", 1<<20), strings.Repeat("a.", 1<<19), strings.Repeat("a", 2<<20), "a.b", "a", ""} {
		if allocated := testing.AllocsPerRun(10, func() {
			if err := p.checkForm(raw); err == nil {
				t.Fatal("it was taken")
			}
		}); allocated > 0 {
			t.Errorf("%d bytes: %v allocations, want none", len(raw), allocated)
		}
	}
	client := geisttest.New(t, guarded(config()))
	ask(t, client, strings.Repeat(".", 8<<10), 401)
	ask(t, client, sign("HS256", secret, nil, claims(gojwt.MapClaims{"pad": strings.Repeat("x", 8<<10)})), 401)
	ask(t, client, strings.Repeat("a", 100<<10), 431)
}

// Of a token that is refused nothing reaches the handler, whatever the order of its faults.
func TestCVE_2024_51744_errorsBeforeClaims(t *testing.T) {
	app := geist.New()
	app.OnError(func(c *geist.Ctx, err error) {
		if token, ok := From(c); ok {
			t.Errorf("the error handler sees the token %+v", token)
		}
		geist.DefaultErrorHandler(c, err)
	})
	app.Use(New(config()))
	app.GET("/", func(c *geist.Ctx) error {
		t.Error("the handler ran")
		return c.NoContent()
	})
	client := geisttest.New(t, app)
	forgedAndExpired := sign("HS256", []byte("another"), nil, claims(gojwt.MapClaims{"exp": 1}))
	if got := ask(t, client, forgedAndExpired, 401).Problem().Detail; got != errInvalid.Detail() {
		t.Errorf("the answer to a forged token is %q: its claims were believed", got)
	}
	ask(t, client, sign("HS256", secret, nil, claims(gojwt.MapClaims{"exp": 1})), 401)
	ask(t, client, sign("HS256", secret, nil, claims(gojwt.MapClaims{"aud": "another"})), 401)
}

// What a claim or the header says must be what its name means, once.
func TestNew_malformedParts(t *testing.T) {
	client := geisttest.New(t, guarded(config()))
	ask(t, client, signRaw(plainHeader, payloadJSON("")), 200)
	ask(t, client, signRaw(plainHeader, payloadJSON(`,"more":{"sub":1,"a":[1,2],"SUB":2},"ä":"ö"`)), 200)
	future := time.Now().Add(time.Hour).Unix()
	base := fmt.Sprintf(`"iss":%q,"aud":%q`, issuer, audience)
	good := signRaw(plainHeader, payloadJSON(""))
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"exp a text":             signRaw(plainHeader, fmt.Sprintf(`{%s,"exp":"%d"}`, base, future)),
		"exp huge":               signRaw(plainHeader, `{`+base+`,"exp":1e300}`),
		"exp beyond floats":      signRaw(plainHeader, `{`+base+`,"exp":1e400}`),
		"exp beyond 9999":        signRaw(plainHeader, `{`+base+`,"exp":253402300800}`),
		"exp that wraps":         signRaw(plainHeader, `{`+base+`,"exp":9223372036854775808}`),
		"exp negative":           signRaw(plainHeader, `{`+base+`,"exp":-1}`),
		"exp null":               signRaw(plainHeader, `{`+base+`,"exp":null}`),
		"exp true":               signRaw(plainHeader, `{`+base+`,"exp":true}`),
		"exp a list":             signRaw(plainHeader, fmt.Sprintf(`{%s,"exp":[%d]}`, base, future)),
		"nbf a text":             signRaw(plainHeader, payloadJSON(`,"nbf":"1"`)),
		"nbf in the future":      signRaw(plainHeader, payloadJSON(fmt.Sprintf(`,"nbf":%d`, future))),
		"sub a number":           signRaw(plainHeader, fmt.Sprintf(`{%s,"exp":%d,"sub":7}`, base, future)),
		"aud a number":           signRaw(plainHeader, fmt.Sprintf(`{"iss":%q,"exp":%d,"aud":7}`, issuer, future)),
		"aud with a number":      signRaw(plainHeader, fmt.Sprintf(`{"iss":%q,"exp":%d,"aud":[%q,7]}`, issuer, future, audience)),
		"aud with null":          signRaw(plainHeader, fmt.Sprintf(`{"iss":%q,"exp":%d,"aud":[%q,null]}`, issuer, future, audience)),
		"a claim twice":          signRaw(plainHeader, payloadJSON(`,"sub":"root"`)),
		"in another case":        signRaw(plainHeader, payloadJSON(`,"SUB":"root"`)),
		"in a rune's case":       signRaw(plainHeader, payloadJSON(`,"ſub":"root"`)),
		"escaped":                signRaw(plainHeader, payloadJSON(`,"s\u0075b":"root"`)),
		"no object":              signRaw(plainHeader, `[]`),
		"null":                   signRaw(plainHeader, `null`),
		"a text":                 signRaw(plainHeader, `"x"`),
		"empty":                  signRaw(plainHeader, ``),
		"behind the claims":      signRaw(plainHeader, payloadJSON("")+`{}`),
		"cut claims":             signRaw(plainHeader, payloadJSON("")[:20]),
		"a header twice":         signRaw(`{"alg":"none","alg":"HS256"}`, payloadJSON("")),
		"a header in other case": signRaw(`{"alg":"HS256","ALG":"none"}`, payloadJSON("")),
		"crit":                   signRaw(`{"alg":"HS256","crit":["exp"],"exp":1}`, payloadJSON("")),
		"unencoded payload":      signRaw(`{"alg":"HS256","b64":false,"crit":["b64"]}`, payloadJSON("")),
		"alg a number":           signRaw(`{"alg":1}`, payloadJSON("")),
		"no alg":                 signRaw(`{}`, payloadJSON("")),
		"kid a number":           signRaw(`{"alg":"HS256","kid":1}`, payloadJSON("")),
		"kid null":               signRaw(`{"alg":"HS256","kid":null}`, payloadJSON("")),
		"kid too long":           signRaw(`{"alg":"HS256","kid":"`+strings.Repeat("x", 257)+`"}`, payloadJSON("")),
		"no header":              signRaw(``, payloadJSON("")),
		"header a list":          signRaw(`[]`, payloadJSON("")),
		"truncated":              good[:len(good)-1],
		"without a signature":    parts[0] + "." + parts[1] + ".",
		"two parts":              parts[0] + "." + parts[1],
		"four parts":             good + ".x",
		"five parts":             good + ".x.y",
		"padded":                 parts[0] + "." + parts[1] + "." + parts[2] + "=",
		"another alphabet":       parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 21) + "A",
		"surplus bits":           parts[0] + "." + parts[1] + "." + parts[2][:42] + surplus(parts[2][42]),
		"the payload of another": parts[0] + "." + strings.Split(signRaw(plainHeader, payloadJSON(`,"admin":true`)), ".")[1] + "." + parts[2],
		"not ASCII":              "ä." + good,
		"a NUL":                  "%00",
		"unbalanced":             signRaw(plainHeader, payloadJSON(`,"x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 1999))),
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(t, client, token, 401)
			if strings.Contains(answer.Text(), "root") {
				t.Errorf("the answer repeats what was sent: %s", answer.Text())
			}
		})
	}
}

// surplus returns the character that decodes as the last one of a signature, but for bits that
// nobody reads.
func surplus(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)^1])
}

// A kid is a name, not a place: whatever stands in it, it is one that nobody knows.
func TestNew_kidIsOnlyAName(t *testing.T) {
	conf := config()
	conf.Keys = KeyRing(map[string]any{"k1": secret, "k2": &rsaKey().PublicKey})
	client := geisttest.New(t, guarded(conf))
	ask(t, client, sign("HS256", secret, map[string]any{"kid": "k1"}, claims(nil)), 200)
	ask(t, client, sign("RS256", rsaKey(), map[string]any{"kid": "k2"}, claims(nil)), 200)
	ask(t, client, sign("RS256", rsaKey(), map[string]any{"kid": "k1"}, claims(nil)), 401)
	ask(t, client, sign("HS256", secret, nil, claims(nil)), 401)
	for _, kid := range []string{"", "K1", "k1 ", "../../../dev/null", "/etc/passwd", "k1' OR '1'='1", "k1\x00", "k1\r\nX: y", "http://127.0.0.1:1/", "ключ"} {
		ask(t, client, signRaw(`{"alg":"HS256","kid":`+asJSON(kid)+`}`, payloadJSON("")), 401)
		ask(t, client, sign("HS256", []byte{}, map[string]any{"kid": kid}, claims(nil)), 401) // as if /dev/null were the key
	}
}

// A token of the empty kid's key names none.
func TestKeyRing_emptyKid(t *testing.T) {
	conf := config()
	conf.Keys = KeyRing(map[string]any{"": secret})
	client := geisttest.New(t, guarded(conf))
	ask(t, client, sign("HS256", secret, nil, claims(nil)), 200)
	ask(t, client, sign("HS256", secret, map[string]any{"kid": "k1"}, claims(nil)), 401)
}

// The keys that New was given are copied.
func TestKey_copied(t *testing.T) {
	key := []byte(string(secret))
	conf := config()
	conf.Keys = Key(key)
	client := geisttest.New(t, guarded(conf))
	clear(key)
	ask(t, client, sign("HS256", key, nil, claims(nil)), 401)
	ask(t, client, sign("HS256", secret, nil, claims(nil)), 200)
}

// The one key of a set, too, serves the algorithm alone that the set names.
func TestJWKS_noKidAlgorithm(t *testing.T) {
	for alg, status := range map[string]int{"": 200, "RS256": 200, "RS512": 401, "RSA-OAEP": 401} {
		synctest.Test(t, func(t *testing.T) {
			key := rsaJWK("a")
			delete(key, "use")
			if key["alg"] = alg; alg == "" {
				delete(key, "alg")
			}
			p := new(publisher)
			p.set(200, key)
			client, _ := published(t, p, JWKSConfig{})
			ask(t, client, sign("RS256", rsaKey(), nil, claims(nil)), status)
		})
	}
}
