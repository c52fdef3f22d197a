package jwt

import (
	"encoding/base64"
	"strings"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"
)

// FuzzJWT_parse holds the parser against what it must never do: take a token that a strict
// reading refuses, or fail with anything but a 401.
func FuzzJWT_parse(f *testing.F) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{plainHeader, `{"alg":"none"}`, `{"alg":"HS256","crit":["x"]}`, `{"alg":"HS256","kid":"../x"}`, `{`, ``} {
		f.Add(header, payloadJSON(""), true, false)
		f.Add(header, payloadJSON(`,"SUB":1`), true, true)
		f.Add(header, `{"exp":1e400}`, false, false)
	}
	p := newParser(config())
	f.Fuzz(func(t *testing.T, header, payload string, signed, raw bool) {
		text := encode([]byte(header)) + "." + encode([]byte(payload))
		if raw {
			text = header + "." + payload
		}
		token := text + "." + encode([]byte("no signature"))
		if signed {
			token = text + "." + encode(must(gojwt.SigningMethodHS256.Sign(text, secret)))
		}
		got, err := p.parse(nil, token)
		if err != nil {
			if e := asError(err); e == nil || e.StatusCode() != 401 {
				t.Fatalf("parse = %v, want a 401", err)
			}
			return
		}
		if !signed || strings.Contains(header, "none") || got.Expires.IsZero() || got.Issuer != issuer || got.Algorithm != "HS256" {
			t.Fatalf("parse took %q: %+v", token, got)
		}
		var all map[string]any
		if err := got.Decode(&all); err != nil {
			t.Fatalf("the claims do not decode: %v", err)
		}
	})
}
