package ratelimit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/store"
)

// TestCVE_2020_28483_forwardedForByAnybody: a client does not become another one by a header field.
func TestCVE_2020_28483_forwardedForByAnybody(t *testing.T) {
	client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1)})))
	client.GET("/").Do().Status(200)
	for i := range 10 {
		ip := fmt.Sprintf("198.51.100.%d", i)
		client.GET("/").Header("X-Forwarded-For", ip).Header("X-Real-IP", ip).Header("True-Client-IP", ip).
			Header("Forwarded", "for="+ip).Do().Status(429)
	}
}

// TestGHSA_3fxj_forwardedForBehindProxy: behind a trusted proxy the client is the nearest address
// that is not trusted; what it has put before that means nothing.
func TestGHSA_3fxj_forwardedForBehindProxy(t *testing.T) {
	app := geist.New(geist.Config{TrustedProxies: []string{"192.0.2.0/24"}, Logger: slog.New(slog.DiscardHandler)})
	app.Use(ratelimit.New(ratelimit.Config{Limit: hourly(1)}))
	app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	client.GET("/").Header("X-Forwarded-For", "198.51.100.1").Do().Status(204)
	client.GET("/").Header("X-Forwarded-For", "198.51.100.2").Do().Status(204)
	for i := range 10 {
		client.GET("/").Header("X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 198.51.100.1", i)).Do().Status(429)
	}
}

// TestNew_ipv6Rotation: who has a network of 2⁶⁴ addresses is one client.
func TestNew_ipv6Rotation(t *testing.T) {
	client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1)})))
	client.GET("/").RemoteAddr("2001:db8::1").Do().Status(200)
	for i := range 10 {
		client.GET("/").RemoteAddr(fmt.Sprintf("2001:db8::%x:%x", i, i*7)).Do().Status(429)
	}
}

// TestNew_longKey: a key that no store takes does not get around the limit, and long ones that
// differ are not one.
func TestNew_longKey(t *testing.T) {
	for name, s := range map[string]store.Store{"memory": nil, "plain": plainStore{store.NewMemory(store.MemoryConfig{})}} {
		client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{
			Limit: hourly(1), Store: s, Key: func(c *geist.Ctx) string { return c.Header("X-Api-Key") },
		})))
		for _, n := range []int{128, 129, 1024, 4000} {
			for _, last := range []string{"a", "b"} {
				key := strings.Repeat("k", n-1) + last
				client.GET("/").Header("X-Api-Key", key).Do().Status(200)
				if got := client.GET("/").Header("X-Api-Key", key).Do().Raw().StatusCode; got != 429 {
					t.Errorf("%s, %d bytes: %d, want 429", name, n, got)
				}
			}
		}
	}
}

// TestLimiter_chosenKeys: no key stands for another, whatever its bytes are.
func TestLimiter_chosenKeys(t *testing.T) {
	l := ratelimit.NewLimiter(nil, "keys", hourly(1))
	for _, key := range []string{"", "\x00", "\x00#", "\x00\x00", "-", ":", strings.Repeat("\x00", 200)} {
		for _, want := range []bool{true, false} {
			if d, err := l.Allow(t.Context(), key, 1); err != nil || d.Allowed != want {
				t.Errorf("key %q: allowed %v, %v, want %v", key, d.Allowed, err, want)
			}
		}
	}
}

// TestCWE_636_leavingIsNoWayPast: who leaves while the store is asked is not counted, and so not
// handled either; nor is a request whose time ends there. The store has not failed.
func TestCWE_636_leavingIsNoWayPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		handled := 0
		app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), DrainIdle: -1})
		limit := ratelimit.New(ratelimit.Config{Limit: hourly(1), Store: failingStore{hang: true}, StoreTimeout: time.Hour})
		handler := func(c *geist.Ctx) error {
			handled++
			return c.NoContent()
		}
		app.GET("/left", limit, handler)
		app.GET("/late", func(c *geist.Ctx) error { return c.NextWithin(time.Second) }, limit, handler)
		client := geisttest.New(t, app, geisttest.Config{Timeout: 24 * time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := client.GET("/left").Context(ctx).DoErr(); err == nil {
			t.Error("a client that left has an answer")
		}
		client.GET("/late").Do().Status(503)
		time.Sleep(time.Minute)
		synctest.Wait()
		if handled != 0 {
			t.Errorf("%d requests were handled, want none", handled)
		}
		if strings.Contains(log.String(), "rate limit not checked") {
			t.Errorf("log = %s, want no word about the store", log.String())
		}
	})
}
