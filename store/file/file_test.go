package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/storetest"
)

// TestMain is also the program of TestStore_killed and TestOpen_otherProcess.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	leakcheck.Main(m)
}

func open(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func set(t *testing.T, s *Store, key, val string, ttl time.Duration) {
	t.Helper()
	if err := s.Set(t.Context(), key, []byte(val), ttl); err != nil {
		t.Fatalf("Set = %v", err)
	}
}

func has(t *testing.T, s *Store, key, val string) store.Item {
	t.Helper()
	item, err := s.Get(t.Context(), key)
	if err != nil || string(item.Val) != val {
		t.Fatalf("Get(%q) = %q, %v, want %q", key, item.Val, err, val)
	}
	return item
}

func TestStore_store(t *testing.T) {
	storetest.Run(t, func(tb testing.TB) store.Store { return open(tb, tb.TempDir()) }, storetest.Config{MaxValue: MaxValue})
}

// TestStore_reopened holds that entries are the same after a restart, versions and times
// included.
func TestStore_reopened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "Open")
	s := open(t, dir)
	set(t, s, "k", "v", time.Hour)
	before := has(t, s, "k", "v")
	set(t, s, "empty", "", 0)
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	s = open(t, dir)
	after := has(t, s, "k", "v")
	if after.Ver != before.Ver || !after.ExpiresAt.Equal(before.ExpiresAt) {
		t.Errorf("version %d until %v, want %d until %v", after.Ver, after.ExpiresAt, before.Ver, before.ExpiresAt)
	}
	has(t, s, "empty", "")
}

// TestOpen_twice holds that a directory is given to one store at a time.
func TestOpen_twice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("Open of a directory that is open = %v, want %v", err, ErrLocked)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("Close = %v", err)
	}
	open(t, dir)
}

func TestOpen_noDirectory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{name, filepath.Join(name, "below"), ""} {
		if s, err := Open(dir); err == nil {
			_ = s.Close()
			t.Errorf("Open(%q) = nil, want an error", dir)
		}
	}
}

// TestStore_names holds that no key has a say in the names of files.
func TestStore_names(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	for _, key := range []string{"../escape", "/etc/passwd", `..\..\escape`, "a\x00b", "CON", "k:stream", strings.Repeat("k", store.MaxKey), ".", "A", "a"} {
		set(t, s, key, "v", 0)
	}
	plain := regexp.MustCompile(`^store(/lock|/[0-9a-f]{2}(/[0-9a-f]{62})?)?$`)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if rel = filepath.ToSlash(rel); rel != "." && !plain.MatchString(rel) {
			t.Errorf("there is a file %q", rel)
		}
		if !d.IsDir() {
			files++
		}
		if info, _ := d.Info(); runtime.GOOS != "windows" && rel != "." && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q has the mode %v, want it for its owner alone", rel, info.Mode())
		}
		return err
	})
	if err != nil || files != 11 {
		t.Errorf("%d files, %v, want 10 entries and the lock", files, err)
	}
}

// TestStore_damaged holds that a file that is not whole is never taken for an entry.
func TestStore_damaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	set(t, s, "k", "value", time.Hour)
	p, err := s.enter(t.Context(), "k", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Unlock()
	whole, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	broken := [][]byte{append(bytes.Clone(whole), 0), append([]byte("x"), whole...), (&record{key: "other", ver: 1}).append(nil), (&record{key: "k"}).append(nil)}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x10
		broken = append(broken, whole[:i], bad)
	}
	for _, bad := range broken {
		if err := os.WriteFile(p.file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if item, err := s.Get(t.Context(), "k"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), p.file) {
			t.Fatalf("Get of %q = %q, %v, want %v with the name", bad, item.Val, err, ErrDamaged)
		}
		if _, err := s.CAS(t.Context(), "k", 0, nil, 0); !errors.Is(err, ErrDamaged) {
			t.Fatalf("CAS of %q = %v, want %v", bad, err, ErrDamaged)
		}
	}
	set(t, s, "k", "new", 0)
	has(t, s, "k", "new")
	if err := os.WriteFile(p.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Errorf("Delete of a damaged entry = %v", err)
	}
}

// TestStore_sweeps holds that what is dead or left half written does not stay for ever.
func TestStore_sweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		for i := range 50 {
			set(t, s, fmt.Sprint("dies", i), "v", time.Second)
			set(t, s, fmt.Sprint("stays", i), "v", time.Hour)
		}
		parts, err := filepath.Glob(filepath.Join(dir, "??"))
		if err != nil || len(parts) == 0 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		for _, part := range parts {
			if err := os.WriteFile(filepath.Join(part, "half"+tmp), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for range sweepEvery * len(s.parts) {
			set(t, s, "k", "v", 0)
		}
		files, err := filepath.Glob(filepath.Join(dir, "??", "*"))
		if err != nil || len(files) != 51 {
			t.Errorf("%d files, %v, want 51", len(files), err)
		}
	})
}

// TestStore_partRemoved holds that somebody may clear the directory while it is in use.
func TestStore_partRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	set(t, s, "k", "v", 0)
	parts, _ := filepath.Glob(filepath.Join(dir, "??"))
	for _, part := range parts {
		if err := os.RemoveAll(part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v, want %v", err, store.ErrNotFound)
	}
	set(t, s, "k", "v", 0)
	has(t, s, "k", "v")
}

// childDir names the directory that a child process writes to.
const childDir = "GEIST_FILE_TEST_DIR"

// child writes values, each longer than the one before, and says when each is written.
func child(dir string) {
	s, err := Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := 1; ; i++ {
		if err := s.Set(context.Background(), fmt.Sprint("k", i%4), bytes.Repeat([]byte{byte('a' + i%26)}, 1000*i), time.Hour); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("written", i)
	}
}

// TestStore_killed kills a process that writes, several times. What it said it had
// written is there; what it was writing is the old or the new value.
func TestStore_killed(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n := 0
			if _, err := fmt.Sscanf(lines.Text(), "written %d", &n); err != nil {
				t.Errorf("the process says %q", lines.Text())
			}
			last = max(last, n)
			if last == 20+round*7 {
				if _, err := Open(dir); !errors.Is(err, ErrLocked) {
					t.Errorf("Open beside another process = %v, want %v", err, ErrLocked)
				}
				_ = cmd.Process.Kill() // what it still says is read, too
			}
		}
		_ = cmd.Wait()
		checkKilled(t, open(t, dir), last)
	}
}

// checkKilled wants the last values that were written, or the one after the last.
func checkKilled(t *testing.T, s *Store, last int) {
	t.Helper()
	for i := last - 3; i <= last; i++ {
		item, err := s.Get(t.Context(), fmt.Sprint("k", i%4))
		n := len(item.Val) / 1000
		if err != nil || n != i && n != last+1 || bytes.Count(item.Val, []byte{byte('a' + n%26)}) != n*1000 {
			t.Errorf("k%d after writing %d = %d bytes %.20q, %v", i%4, last, len(item.Val), item.Val, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}
