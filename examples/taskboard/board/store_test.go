package board

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func openStore(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpen_migrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	for range 2 { // a new database, then one that is up to date
		s := openStore(t, path)
		var version int
		if err := s.read.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != len(migrations) {
			t.Fatalf("user_version = %d, %v; want %d", version, err, len(migrations))
		}
		var mode string
		if err := s.read.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("journal_mode = %q, %v; want wal", mode, err)
		}
	}
}

// Hashes of passwords are in the database: other users of the machine do not read it.
func TestOpen_mode(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // which has no modes
	}
	path := filepath.Join(t.TempDir(), "tasks.db")
	openStore(t, path)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("mode of %s = %o, want 600", filepath.Base(name), mode)
		}
	}
}

func TestOpen_refusesANewerDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	if _, err := openStore(t, path).write.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer taskboard") {
		t.Errorf("Open = %v, want what to do", err)
	}
}

func TestOpen_saysWhichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no such directory", "tasks.db")
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want an error with the path", err)
	}
}

// A context that has ended ends every method, a write included, and changes nothing.
func TestStore_honoursContexts(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "tasks.db"))
	task, err := s.Create(t.Context(), Draft{Title: "a", Status: Todo})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Create": func() error { _, err := s.Create(ctx, Draft{Title: "b", Status: Todo}); return err },
		"Get":    func() error { _, err := s.Get(ctx, task.ID); return err },
		"List":   func() error { _, _, err := s.List(ctx, Filter{}, 10); return err },
		"Update": func() error {
			_, err := s.Update(ctx, task.ID, 0, func(d *Draft) error { d.Title = "b"; return nil })
			return err
		},
		"Delete": func() error { return s.Delete(ctx, task.ID, 0) },
		"Ping":   func() error { return s.Ping(ctx) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
	tasks, more, err := s.List(t.Context(), Filter{}, 10)
	if err != nil || more || len(tasks) != 1 || tasks[0].Title != "a" {
		t.Errorf("List = %v, %v, %v; want the task as it was", tasks, more, err)
	}
}

// A writer that waits for another one can give up: the line is in Go, not in SQLite.
func TestStore_waitingWriterGivesUp(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "tasks.db"))
	if _, err := s.Create(t.Context(), Draft{Title: "a", Status: Todo}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Update(t.Context(), 1, 0, func(*Draft) error {
		waiter := make(chan error, 1)
		go func() {
			_, err := s.Create(ctx, Draft{Title: "b", Status: Todo})
			waiter <- err
		}()
		cancel()
		if err := <-waiter; !errors.Is(err, context.Canceled) {
			t.Errorf("Create = %v, want context.Canceled", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
