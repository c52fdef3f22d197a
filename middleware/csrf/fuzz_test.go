package csrf_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/middleware/csrf"
)

// FuzzCSRF_token compares the middleware with a slow model of what a cookie and a token
// must be. The engine must answer 200 or 403, and never anything else.
func FuzzCSRF_token(f *testing.F) {
	h := served(csrf.New(withTokens)).Handler()
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/token")
	rc.Request.Header.SetHost("localhost")
	rc.Request.Header.Set("X-Session", "anna")
	h(&rc)
	var k fasthttp.Cookie
	if err := k.ParseBytes(rc.Response.Header.PeekCookie("csrf")); err != nil {
		f.Fatal(err)
	}
	token, cookie := string(rc.Response.Body()), string(k.Value())
	f.Add(cookie, token, "anna")
	f.Add(cookie, token, "mallory")
	f.Add(cookie, token+"=", "anna")
	f.Add(token, cookie, "anna")
	f.Add(cookie, "\n"+token[1:], "anna")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, cookie, token, session string) {
		var rc fasthttp.RequestCtx
		rc.Request.Header.SetMethod("POST")
		rc.Request.SetRequestURI("/")
		rc.Request.Header.SetHost("localhost")
		rc.Request.Header.SetCookie("csrf", cookie)
		rc.Request.Header.Set("X-CSRF-Token", token)
		rc.Request.Header.Set("X-Session", session)
		sent := &rc.Request.Header // as it is after fasthttp has taken out line ends
		cookie, token, session = string(sent.Cookie("csrf")), string(sent.Peek("X-CSRF-Token")), string(sent.Peek("X-Session"))
		h(&rc)
		want := 403
		if modelAccepts(cookie, token, session) {
			want = 200
		}
		if got := rc.Response.StatusCode(); got != want {
			t.Errorf("cookie %q, token %q, session %q: status %d, want %d", cookie, token, session, got, want)
		}
	})
}

func modelAccepts(cookie, token, session string) bool {
	c, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(c) != 48 || base64.RawURLEncoding.EncodeToString(c) != cookie {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 32 || base64.RawURLEncoding.EncodeToString(b) != token {
		return false
	}
	for i := range 16 {
		if b[i]^b[16+i] != c[i] {
			return false
		}
	}
	mac := hmac.New(sha256.New, key(1))
	mac.Write([]byte("geist csrf secret\x00" + session + string(c[:16])))
	return string(mac.Sum(nil)) == string(c[16:])
}
