package idempotency_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/store"
)

// An answer is for whoever asked: another user who knows or guesses the key gets his own.
func TestSecurity_otherUser(t *testing.T) {
	s := newService(idempotency.Config{})
	client := geisttest.New(t, s.Engine)
	post(client, "/pay", "k").Header("X-User", "ada").Do().BodyIs(`{"run":1}`)
	post(client, "/pay", "k").Header("X-User", "eve").Do().BodyIs(`{"run":2}`).NoHeader("Idempotency-Replayed")
	post(client, "/pay", "k").Header("X-User", "ada").Do().BodyIs(`{"run":1}`)
}

// In Fiber's cache, keys without the query gave one request's answer to another.
func TestCVE_2026_30246_query(t *testing.T) {
	s := newService(idempotency.Config{})
	client := geisttest.New(t, s.Engine)
	post(client, "/pay?amount=1", "k").Do().Status(201)
	post(client, "/pay?amount=1000", "k").Do().Status(422)
	post(client, "/pay?amount=1", "k").Do().Status(201)
	s.ran(t, 1)
}

// Method, host and path are parts of the key, as a cache's.
func TestCVE_2026_30246_methodHostPath(t *testing.T) {
	s := newService(idempotency.Config{})
	s.PATCH("/pay", s.pay)
	s.POST("/pay/:id", s.pay)
	client := geisttest.New(t, s.Engine)
	post(client, "/pay", "k").Do().BodyIs(`{"run":1}`)
	client.PATCH("/pay").Header("Idempotency-Key", "k").Do().BodyIs(`{"run":2}`)
	post(client, "/pay/1", "k").Do().BodyIs(`{"run":3}`)
	post(client, "/pay/2", "k").Do().BodyIs(`{"run":4}`)
	post(client, "/pay", "k").Host("other.example").Do().BodyIs(`{"run":5}`)
}

// Beego's cache had keys that could be made to collide. Here none is another, however the
// parts are cut.
func TestCVE_2024_55885_collision(t *testing.T) {
	s := newService(idempotency.Config{})
	s.POST("/pa", s.pay)
	client := geisttest.New(t, s.Engine)
	for _, tt := range []struct{ user, path, key string }{
		{"ada", "/pay", "1"}, {"ad", "/pay", "a1"}, {"ada1", "/pay", "x"}, {"ada", "/pa", "y1"}, {"", "/pay", "ada1"}, {"adaPOST", "/pay", "1"},
	} {
		post(client, tt.path, tt.key).Header("X-User", tt.user).Do().Status(201).NoHeader("Idempotency-Replayed")
	}
	s.ran(t, 6)
	long := strings.Repeat("k", 254)
	post(client, "/pay", long+"1").Do().NoHeader("Idempotency-Replayed")
	post(client, "/pay", long+"2").Do().NoHeader("Idempotency-Replayed")
}

// Query, type and body cannot be shifted into each other, either.
func TestCVE_2024_55885_fingerprint(t *testing.T) {
	s := newService(idempotency.Config{})
	client := geisttest.New(t, s.Engine)
	post(client, "/pay?a", "k").Header("Content-Type", "bc").BodyString("d").Do().Status(201)
	post(client, "/pay?ab", "k").Header("Content-Type", "c").BodyString("d").Do().Status(422)
	post(client, "/pay?a", "k").Header("Content-Type", "b").BodyString("cd").Do().Status(422)
}

// watched remembers every byte that a store was given.
type watched struct {
	store.Store
	mu   *sync.Mutex
	seen *strings.Builder // guarded by mu
}

func (w watched) Scoped(prefix string) store.Store {
	return watched{w.Store.Scoped(prefix), w.mu, w.seen}
}

func (w watched) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	w.mu.Lock()
	w.seen.WriteString(key + " " + string(val) + "\n")
	w.mu.Unlock()
	return w.Store.CAS(ctx, key, ver, val, ttl)
}

// A session that begins with an answer is for that answer: neither the store nor whoever
// repeats the request gets its cookie.
func TestSecurity_cookies(t *testing.T) {
	w := watched{memory(t), new(sync.Mutex), new(strings.Builder)}
	s := newService(idempotency.Config{Store: w})
	s.POST("/login", func(c *geist.Ctx) error {
		if err := c.SetCookie(geist.Cookie{Name: "sid", Value: "secret"}); err != nil {
			return err
		}
		return s.pay(c)
	})
	client := geisttest.New(t, s.Engine)
	post(client, "/login", "the-key").Do().Status(201).HasHeader("Set-Cookie", "sid=secret")
	post(client, "/login", "the-key").Do().Status(201).NoHeader("Set-Cookie")
	s.ran(t, 1)
	if seen := w.seen.String(); strings.Contains(seen, "secret") || strings.Contains(seen, "the-key") {
		t.Errorf("the store was given %q, with what is nobody's business", seen)
	}
}

// What stands under a key but is no entry carries nothing out.
func TestSecurity_brokenEntry(t *testing.T) {
	broken := brokenStore{memory(t)}
	s := newService(idempotency.Config{Store: broken})
	client := geisttest.New(t, s.Engine)
	post(client, "/pay", "k").Do().Status(503)
	s.ran(t, 0)
}

// brokenStore has the same under every key.
type brokenStore struct{ store.Store }

func (b brokenStore) Scoped(string) store.Store { return b }

func (b brokenStore) CAS(context.Context, string, uint64, []byte, time.Duration) (store.Item, error) {
	return store.Item{}, store.ErrConflict
}

func (b brokenStore) Get(context.Context, string) (store.Item, error) {
	return store.Item{Val: []byte("{"), Ver: 1}, nil
}

// Strangers who try keys where no route is fill no store.
func TestSecurity_unmatchedRoutes(t *testing.T) {
	m := memory(t)
	s := newService(idempotency.Config{Store: m})
	client := geisttest.New(t, s.Engine)
	for range 10 {
		post(client, "/nowhere", "k").Do().Status(404)
	}
	if got := m.Stats().Entries; got != 0 {
		t.Errorf("the store has %d entries, want none", got)
	}
}
