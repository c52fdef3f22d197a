package jwt

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// publisher answers with a set of keys, in memory, and counts.
type publisher struct {
	mu       sync.Mutex
	body     string        // guarded by mu
	status   int           // guarded by mu; 0 means that nobody answers
	wait     chan struct{} // guarded by mu; answers when it is closed, unless nil
	requests int           // guarded by mu
}

func (p *publisher) set(status int, keys ...map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if keys == nil {
		keys = []map[string]any{}
	}
	p.status, p.body = status, asJSON(map[string]any{"keys": keys})
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.requests++
	status, body, wait := p.status, p.body, p.wait
	p.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
}

func rsaJWK(kid string) map[string]any {
	return map[string]any{
		"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(rsaKey().N.Bytes()),
	}
}

func ecJWK(kid string) map[string]any {
	point := must(ecKey().PublicKey.Bytes())
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "x": encode(point[1:33]), "y": encode(point[33:])}
}

func rsaToken(kid string) string {
	return sign("RS256", rsaKey(), map[string]any{"kid": kid}, claims(nil))
}

// published returns a client of an engine whose keys p publishes.
func published(t *testing.T, p *publisher, conf JWKSConfig) (*geisttest.Client, *JWKS) {
	t.Helper()
	conf.Client = &http.Client{Transport: p}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.URLs == nil {
		conf.URLs = []string{"https://id.example.com/jwks.json"}
	}
	keys := NewJWKS(conf)
	t.Cleanup(func() { _ = keys.Close() })
	c := config()
	c.Keys = keys
	return geisttest.New(t, guarded(c)), keys
}

// Nothing is fetched before it is needed; then once, however many need it.
func TestJWKS_fetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{wait: make(chan struct{})}
		p.set(200, rsaJWK("a"), ecJWK("b"))
		client, _ := published(t, p, JWKSConfig{})
		if n := p.count(); n != 0 {
			t.Errorf("%d requests before the first token, want 0", n)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				answer, err := client.GET("/").Header("Authorization", "Bearer "+rsaToken("a")).DoErr()
				if err != nil || answer.Raw().StatusCode != 200 {
					t.Errorf("answer %v, %v, want 200", answer, err)
				}
			})
		}
		synctest.Wait()
		close(p.wait)
		wg.Wait()
		ask(t, client, sign("ES256", ecKey(), map[string]any{"kid": "b"}, claims(nil)), 200)
		if n := p.count(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// However many tokens name keys that nobody has, the issuer is asked once in UnknownEvery.
func TestJWKS_unknownKidFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(publisher)
		p.set(200, rsaJWK("a"))
		client, _ := published(t, p, JWKSConfig{})
		ask(t, client, rsaToken("a"), 200)
		flood := func() {
			for i := range 50 {
				ask(t, client, rsaToken(fmt.Sprint("none", i)), 401)
			}
		}
		flood()
		if n := p.count(); n != 1 {
			t.Errorf("%d requests within a minute, want 1", n)
		}
		time.Sleep(DefaultUnknownEvery)
		flood()
		if n := p.count(); n != 2 {
			t.Errorf("%d requests within two minutes, want 2", n)
		}
		p.set(200, rsaJWK("a"), rsaJWK("new")) // a key that has been rotated in
		time.Sleep(DefaultUnknownEvery)
		ask(t, client, rsaToken("new"), 200)
		if n := p.count(); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// A key that has gone from the set is gone here, when the set is fetched again.
func TestCVE_2025_22149_revokedKeyIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(publisher)
		p.set(200, rsaJWK("a"), rsaJWK("b"))
		client, _ := published(t, p, JWKSConfig{})
		ask(t, client, rsaToken("a"), 200)
		p.set(200, rsaJWK("b"))
		time.Sleep(DefaultRefreshEvery)
		ask(t, client, rsaToken("b"), 200) // begins the fetch, and does not wait for it
		synctest.Wait()
		ask(t, client, rsaToken("a"), 401)
		ask(t, client, rsaToken("b"), 200)
		p.set(200) // the last ones, too
		time.Sleep(DefaultRefreshEvery)
		ask(t, client, rsaToken("b"), 200)
		synctest.Wait()
		ask(t, client, rsaToken("b"), 401)
		if n := p.count(); n != 3 {
			t.Errorf("%d requests, want 3", n)
		}
	})
}

// An issuer that does not answer: what is known goes on for MaxStale, and is then believed no more.
func TestJWKS_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := new(publisher)
		client, _ := published(t, p, JWKSConfig{MaxStale: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 5 {
			ask(t, client, rsaToken("a"), 503).HasHeader("Retry-After", "1").NoHeader("WWW-Authenticate")
		}
		if n := p.count(); n != 1 || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("%d requests within a second, want 1; log: %s", n, log.String())
		}
		p.set(200, rsaJWK("a"))
		time.Sleep(retryAfter)
		ask(t, client, rsaToken("a"), 200)
		p.set(500)
		for range 6 {
			time.Sleep(10*time.Minute - time.Second)
			ask(t, client, rsaToken("a"), 200)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		ask(t, client, rsaToken("a"), 503)
	})
}

// A fetch that hangs ends with Timeout, and with Close.
func TestJWKS_timeoutAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{wait: make(chan struct{})}
		client, keys := published(t, p, JWKSConfig{Timeout: 3 * time.Second})
		start := time.Now()
		ask(t, client, rsaToken("a"), 503)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the answer took %s, want 3s", took)
		}
		var wg sync.WaitGroup
		wg.Go(func() { ask(t, client, rsaToken("a"), 503) })
		synctest.Wait()
		start = time.Now()
		if err := keys.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("Close = %v after %s", err, time.Since(start))
		}
		wg.Wait()
		before := p.count()
		time.Sleep(time.Hour)
		ask(t, client, rsaToken("a"), 503)
		if n := p.count(); n != before {
			t.Errorf("%d requests after Close, want none", n-before)
		}
		_ = keys.Close()
	})
}

// One address that hangs holds up nobody whose key another one has.
func TestJWKS_severalURLs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		p := new(publisher)
		p.set(200, rsaJWK("a"))
		hang := make(chan struct{})
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "down.example" {
				asked.Add(1)
				select {
				case <-hang:
				case <-r.Context().Done():
				}
				return nil, errors.New("hung up")
			}
			return p.RoundTrip(r)
		})
		keys := NewJWKS(JWKSConfig{
			URLs: []string{"https://down.example/", "https://id.example/"}, Client: &http.Client{Transport: transport}, Logger: slog.New(slog.DiscardHandler),
		})
		defer keys.Close()
		conf := config()
		conf.Keys = keys
		client := geisttest.New(t, guarded(conf))
		start := time.Now()
		ask(t, client, rsaToken("a"), 200)
		time.Sleep(2 * time.Second)
		ask(t, client, rsaToken("a"), 200)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("a known key took %s longer", took-2*time.Second)
		}
		synctest.Wait()
		if asked.Load() != 1 { // the first fetch has not ended
			t.Errorf("the other address was asked %d times, want once", asked.Load())
		}
		close(hang)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Keys that are not for signatures of tokens are left out, the others serve.
func TestParseSet(t *testing.T) {
	change := func(jwk map[string]any, name string, value any) map[string]any {
		jwk[name] = value
		return jwk
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, tt := range []struct {
		name string
		key  map[string]any
		good bool
	}{
		{"RSA", rsaJWK("a"), true},
		{"EC", ecJWK("a"), true},
		{"Ed25519", map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": encode(edKey().Public().(ed25519.PublicKey))}, true},
		{"for encryption", change(rsaJWK("a"), "use", "enc"), false},
		{"an address of certificates", change(rsaJWK("a"), "x5u", "http://127.0.0.1:1/"), true},
		{"weak", change(rsaJWK("a"), "n", encode(weakKey().N.Bytes())), false},
		{"a secret", map[string]any{"kty": "oct", "kid": "a", "k": encode(secret)}, false},
		{"an unknown type", map[string]any{"kty": "XX", "kid": "a"}, false},
		{"not on the curve", change(ecJWK("a"), "y", encode(big.NewInt(5).FillBytes(make([]byte, 32)))), false},
		{"no key", map[string]any{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, unusable, err := parseSet(t.Context(), []byte(asJSON(map[string]any{"keys": []any{tt.key}})))
			if err != nil || (unusable == 0) != tt.good || (set.only != nil) != tt.good {
				t.Errorf("parseSet = %d left out, %v, want a key: %t", unusable, err, tt.good)
			}
		})
	}
	many := asJSON(map[string]any{"keys": make([]any, maxKeys+1)})
	for _, body := range []string{"", "null", "[]", "{}", `{"keys":null}`, `{"keys":{}}`, "<html>", many} {
		if _, _, err := parseSet(t.Context(), []byte(body)); err == nil {
			t.Errorf("parseSet took %.20q", body)
		}
	}
}

// Tokens without a kid have the key of a set that has but one.
func TestJWKS_noKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(publisher)
		p.set(200, rsaJWK("a"))
		client, _ := published(t, p, JWKSConfig{})
		ask(t, client, sign("RS256", rsaKey(), nil, claims(nil)), 200)
		p.set(200, rsaJWK("a"), ecJWK("b"))
		time.Sleep(DefaultRefreshEvery)
		ask(t, client, rsaToken("a"), 200)
		synctest.Wait()
		ask(t, client, sign("RS256", rsaKey(), nil, claims(nil)), 401)
	})
}

// A key serves the algorithm that its set names, or those of its type.
func TestJWKS_keyTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(publisher)
		p.set(200, rsaJWK("rsa"), ecJWK("ec"))
		client, _ := published(t, p, JWKSConfig{})
		ask(t, client, sign("ES256", ecKey(), map[string]any{"kid": "rsa"}, claims(nil)), 401)
		ask(t, client, sign("RS256", rsaKey(), map[string]any{"kid": "ec"}, claims(nil)), 401)
		ask(t, client, sign("HS256", rsaKey().N.Bytes(), map[string]any{"kid": "rsa"}, claims(nil)), 401)
		ask(t, client, sign("PS256", rsaKey(), map[string]any{"kid": "rsa"}, claims(nil)), 401)
	})
}

// Over the wire: a set that is too long, a redirect and another status are no sets.
func TestJWKS_overHTTP(t *testing.T) {
	var answer http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	good := asJSON(map[string]any{"keys": []any{rsaJWK("a")}})
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int
	}{
		{"a set", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, good) }, 204},
		{"too long", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, good+strings.Repeat(" ", DefaultMaxSetBytes))
		}, 503},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			_, _ = io.WriteString(w, good)
		}, 503},
		{"a status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, good)
		}, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer = tt.answer
			keys := NewJWKS(JWKSConfig{URLs: []string{server.URL + "/"}, Logger: slog.New(slog.DiscardHandler)})
			app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
			app.OnShutdown(func(context.Context) error { return keys.Close() })
			app.Use(New(Config{Keys: keys, Issuer: issuer, Audience: []string{audience}}))
			app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
			ask(t, geisttest.New(t, app), rsaToken("a"), tt.status)
			if err := app.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
