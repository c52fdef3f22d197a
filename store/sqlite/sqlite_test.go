package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/storetest"
)

// TestMain holds that Close ends the goroutines of database/sql.
func TestMain(m *testing.M) { leakcheck.Main(m) }

func open(tb testing.TB, path string, conf Config) *Store {
	tb.Helper()
	s, err := Open(context.Background(), path, conf)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore_store(t *testing.T) {
	var path string // of the store that was opened last
	storetest.Run(t, func(tb testing.TB) store.Store {
		path = filepath.Join(tb.TempDir(), "store.db")
		return open(tb, path, Config{})
	}, storetest.Config{
		MaxValue: defaultMaxValue,
		Replica:  func(tb testing.TB) store.Store { return open(tb, path, Config{}) },
	})
}

func set(t *testing.T, s *Store, key, val string, ttl time.Duration) {
	t.Helper()
	if err := s.Set(t.Context(), key, []byte(val), ttl); err != nil {
		t.Fatalf("Set = %v", err)
	}
}

// TestOpen_paths holds that a path is the name of a file and nothing else.
func TestOpen_paths(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory", "a%20b", "a#b", "é.db", "file:x", ":memory:", "a&_pragma=x"} {
		path := filepath.Join(t.TempDir(), name)
		s := open(t, path, Config{})
		set(t, s, "k", name, 0)
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("Open(%q) made no such file: %v", name, err)
		}
		item, err := open(t, path, Config{}).Get(t.Context(), "k")
		if err != nil || string(item.Val) != name {
			t.Errorf("Get after another Open of %q = %q, %v", name, item.Val, err)
		}
	}
}

// TestOpen_mode holds that other users of the machine do not read what is kept, and that
// a file which is there stays as it is.
func TestOpen_mode(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // which has no modes
	}
	shared := filepath.Join(t.TempDir(), "shared.db")
	if err := errors.Join(os.WriteFile(shared, nil, 0o600), os.Chmod(shared, 0o640)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{filepath.Join(t.TempDir(), "new.db"): 0o600, shared: 0o640} {
		set(t, open(t, path, Config{}), "k", "v", 0)
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("mode of %s = %o, want %o", filepath.Base(name), got, want)
			}
		}
	}
}

func TestOpen_errors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("this is a file, but not one of SQLite, and rather long"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		conf       Config
	}{
		{"empty", "", Config{}},
		{"NUL", "a\x00b", Config{}},
		{"a directory", t.TempDir(), Config{}},
		{"no directory", filepath.Join(t.TempDir(), "none", "a.db"), Config{}},
		{"not SQLite", text, Config{}},
		{"MaxValue", "a.db", Config{MaxValue: -1}},
		{"MaxValue above what SQLite has", "a.db", Config{MaxValue: mostValue + 1}},
		{"MaxBytes", "a.db", Config{MaxBytes: -1}},
		{"Busy", "a.db", Config{Busy: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s, err := Open(t.Context(), tt.path, tt.conf); err == nil {
				_ = s.Close()
				t.Error("Open = nil, want an error")
			}
		})
	}
}

// TestStore_full holds that a full file refuses, keeps what it has, and takes writes
// again when entries have died.
func TestStore_full(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		s := open(t, path, Config{MaxBytes: 256 << 10})
		val := string(make([]byte, 1000))
		set(t, s, "stays", "v", 0)
		n := 0
		for ; ; n++ {
			err := s.Set(t.Context(), fmt.Sprint(n), []byte(val), time.Hour)
			if errors.Is(err, store.ErrFull) {
				break
			}
			if err != nil || n > 1000 {
				t.Fatalf("Set %d = %v, want %v some time", n, err, store.ErrFull)
			}
		}
		for i := range n {
			if _, err := s.Get(t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatalf("Get of %d in a full store = %v", i, err)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Size() > 256<<10 {
			t.Errorf("the file has %d bytes, %v, want %d at most", info.Size(), err, 256<<10)
		}
		time.Sleep(time.Hour)
		set(t, s, "again", val, 0)
		for _, key := range []string{"stays", "again"} {
			if _, err := s.Get(t.Context(), key); err != nil {
				t.Errorf("Get(%q) = %v", key, err)
			}
		}
	})
}

// TestStore_sweeps holds that dead entries leave with what is written, a few at a time.
func TestStore_sweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "store.db"), Config{})
		for i := range sweepMost + 10 {
			set(t, s, fmt.Sprint("dies", i), "v", time.Second)
		}
		time.Sleep(time.Second)
		for range 2 * sweepEvery {
			set(t, s, "stays", "v", 0)
		}
		var n int
		if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM geist_store`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v, want 1", n, err)
		}
	})
}

// TestStore_waits holds that a call that waits for another process ends with its context.
func TestStore_waits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, other := open(t, path, Config{}), open(t, path, Config{})
	if err := other.lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { other.writer <- struct{}{} }()
	tx, err := other.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Set(ctx, "k", nil, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Set beside another writer = %v, want %v", err, context.DeadlineExceeded)
	}
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get beside a writer = %v, want %v", err, store.ErrNotFound)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	set(t, s, "k", "v", 0)
}
