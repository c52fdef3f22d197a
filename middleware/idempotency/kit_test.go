package idempotency_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/store"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func quiet() *geist.Engine {
	return geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
}

// byUser takes the user from a field, as if it had been authenticated.
func byUser(c *geist.Ctx) (string, error) { return c.Header("X-User"), nil }

// service counts how often something was carried out.
type service struct {
	*geist.Engine
	runs atomic.Int64
}

// newService answers every POST to /pay with the number of the run.
func newService(conf idempotency.Config) *service {
	if conf.Scope == nil {
		conf.Scope = byUser
	}
	s := &service{Engine: quiet()}
	s.Use(idempotency.New(conf))
	s.POST("/pay", s.pay)
	return s
}

func (s *service) pay(c *geist.Ctx) error {
	return c.JSON(201, geist.Map{"run": s.runs.Add(1)})
}

// ran asserts how often.
func (s *service) ran(tb testing.TB, want int64) {
	tb.Helper()
	if got := s.runs.Load(); got != want {
		tb.Errorf("carried out %d times, want %d", got, want)
	}
}

// post is a request with a key.
func post(client *geisttest.Client, path, key string) *geisttest.Request {
	return client.POST(path).Header("Idempotency-Key", key)
}

func memory(tb testing.TB) *store.Memory {
	s := store.NewMemory(store.MemoryConfig{})
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

var errDown = errors.New("the store is down")

// faulty is a store whose operations fail by name.
type faulty struct {
	store.Store
	*faults
}

type faults struct {
	mu   sync.Mutex
	fail string // guarded by mu
}

func newFaulty(s store.Store) *faulty { return &faulty{s, &faults{}} }

func (f *faults) set(fail string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faults) call(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.Contains(f.fail, op) {
		return errDown
	}
	return nil
}

func (f *faulty) Scoped(prefix string) store.Store { return &faulty{f.Store.Scoped(prefix), f.faults} }

func (f *faulty) Get(ctx context.Context, key string) (store.Item, error) {
	if err := f.call("Get"); err != nil {
		return store.Item{}, err
	}
	return f.Store.Get(ctx, key)
}

func (f *faulty) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	if err := f.call("CAS"); err != nil {
		return store.Item{}, err
	}
	return f.Store.CAS(ctx, key, ver, val, ttl)
}
