package session_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

var (
	count = session.NewKey[int]("count")
	name  = session.NewKey[string]("name")
)

func quiet() *geist.Engine {
	return geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
}

// with makes a handler of what is done with a session.
func with(f func(c *geist.Ctx, s *session.Session) error) geist.Handler {
	return func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		return f(c, s)
	}
}

// service is an application with a few pages of everything.
func service(conf session.Config) *geist.Engine {
	app := quiet()
	addPages(app, conf)
	return app
}

func addPages(app *geist.Engine, conf session.Config) {
	app.Use(session.New(conf))
	app.GET("/none", func(c *geist.Ctx) error { return c.Text(200, "none") })
	app.GET("/name", with(func(c *geist.Ctx, s *session.Session) error {
		v, ok := name.Get(s)
		if !ok {
			v = "nobody"
		}
		return c.Text(200, v)
	}))
	app.POST("/name/:name", with(func(c *geist.Ctx, s *session.Session) error {
		return errors.Join(name.Set(s, c.Param("name")), c.Text(200, "set"))
	}))
	app.POST("/count", with(func(c *geist.Ctx, s *session.Session) error {
		return errors.Join(count.Update(s, func(n int) int { return n + 1 }), c.Text(200, "counted"))
	}))
	app.GET("/count", with(func(c *geist.Ctx, s *session.Session) error {
		n, _ := count.Get(s)
		return c.JSON(200, n)
	}))
	app.POST("/login/:name", with(func(c *geist.Ctx, s *session.Session) error {
		s.Regenerate()
		return errors.Join(name.Set(s, c.Param("name")), s.Bind(c.Context(), c.Param("name")), c.Text(200, "in"))
	}))
	app.POST("/logout", with(func(c *geist.Ctx, s *session.Session) error {
		s.Destroy()
		return c.Text(200, "out")
	}))
}

// sid returns the cookie that an answer sets.
func sid(tb testing.TB, r *geisttest.Response) string {
	tb.Helper()
	k := r.Cookie("sid")
	if k == nil || k.Value == "" {
		tb.Fatalf("Set-Cookie = %q, want a session", r.Header("Set-Cookie"))
	}
	return k.Value
}

// memory returns a store for a test.
func memory(tb testing.TB) *store.Memory {
	s := store.NewMemory(store.MemoryConfig{})
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

var errDown = errors.New("the store is down")

// faulty is a store whose operations fail, or are told of, by name.
type faulty struct {
	store.Store
	*faults
}

type faults struct {
	mu     sync.Mutex
	fail   string // guarded by mu; names of operations
	calls  []string
	before func(op, key string) // frozen
}

func newFaulty(s store.Store) *faulty { return &faulty{s, &faults{}} }

func (f *faults) set(fail string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.calls = fail, nil
}

func (f *faults) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, " ")
}

func (f *faults) call(op, key string) error {
	if f.before != nil {
		f.before(op, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, op)
	if strings.Contains(f.fail, op) {
		return errDown
	}
	return nil
}

func (f *faulty) Scoped(prefix string) store.Store { return &faulty{f.Store.Scoped(prefix), f.faults} }

func (f *faulty) Get(ctx context.Context, key string) (store.Item, error) {
	if err := f.call("Get", key); err != nil {
		return store.Item{}, err
	}
	return f.Store.Get(ctx, key)
}

func (f *faulty) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	if err := f.call("Set", key); err != nil {
		return err
	}
	return f.Store.Set(ctx, key, val, ttl)
}

func (f *faulty) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	if err := f.call("CAS", key); err != nil {
		return store.Item{}, err
	}
	return f.Store.CAS(ctx, key, ver, val, ttl)
}

func (f *faulty) Touch(ctx context.Context, key string, ttl time.Duration) error {
	if err := f.call("Touch", key); err != nil {
		return err
	}
	return f.Store.Touch(ctx, key, ttl)
}

func (f *faulty) Delete(ctx context.Context, keys ...string) error {
	if err := f.call("Delete", keys[0]); err != nil {
		return err
	}
	return f.Store.Delete(ctx, keys...)
}
