// Package file is a store in a directory, for development: sessions survive a restart of
// the program, and nothing needs to be installed. Each entry is a file of its own.
//
//	s, err := file.Open("tmp/store")
//
// A write is whole or has not been: it goes to a new file, which then takes the place of
// the old one. That holds when the process is killed. It is not waited for until the disk
// has it, so that after a power failure newer entries may be missing or damaged; damaged
// ones are noticed.
//
// One process has the directory at a time; a second one gets ErrLocked. There is no bound
// but the disk's, and each call is a few system calls. For production take store/sqlite, or a server.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/store"
)

// What Open and the methods of a Store return besides the errors of package store; test
// with errors.Is.
var (
	// ErrLocked means that another process, or another Store of this one, has the directory.
	ErrLocked = errors.New("file: the directory is in use")
	// ErrDamaged means that a file in the directory is no entry, or not the whole of one.
	// The error names it. Set and Delete of its key replace and remove it.
	ErrDamaged = errors.New("file: damaged entry")
)

// MaxValue is the length of the longest value, in bytes: 16 MiB.
const MaxValue = 16 << 20

// sweepEvery is how many writes there are for each look for dead entries, in one of the
// directory's parts.
const sweepEvery = 16

// Store is a store in a directory. It has no goroutine: dead entries are removed when
// they are met, and by writes, which look through the directory a part at a time.
type Store struct {
	lock   *os.File
	writes atomic.Uint64 // how many there were
	parts  [256]part
}

// part is one of the subdirectories, named after the first byte of the hash of its keys.
type part struct {
	mu     sync.Mutex
	dir    string
	closed bool // guarded by mu
}

var _ store.RateStore = (*Store)(nil)

// Open opens the store in a directory, which it makes if need be, for the user of this process alone.
// What is in it otherwise is left alone. The error is ErrLocked if somebody else has it.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir) // the working directory may change
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	s := &Store{lock: lock}
	for i := range s.parts {
		s.parts[i].dir = filepath.Join(dir, hex.EncodeToString([]byte{byte(i)}))
	}
	return s, nil
}

// place is where the entry of a key is.
type place struct {
	*part
	key  string
	file string // its name
}

// enter checks a call and locks the part that its key is in. The caller unlocks it.
func (s *Store) enter(ctx context.Context, key string, ttl time.Duration, val []byte) (*place, error) {
	// The name says nothing about the key: any bytes make a name that is fine on every
	// system, of one length, in lower case.
	sum := sha256.Sum256([]byte(key))
	p := &place{part: &s.parts[sum[0]], key: key}
	p.mu.Lock()
	err := p.check(ctx, ttl, val)
	if err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.file = filepath.Join(p.dir, hex.EncodeToString(sum[1:]))
	return p, nil
}

func (p *place) check(ctx context.Context, ttl time.Duration, val []byte) error {
	if p.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.CheckKey(p.key); err != nil {
		return err
	}
	if err := store.CheckTTL(ttl); err != nil {
		return err
	}
	return store.CheckValue(val, MaxValue)
}

// read returns the entry, or nil if there is none that lives.
func (p *place) read() (*record, error) {
	data, err := os.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := parse(data)
	if err == nil && r.key != p.key {
		err = errors.New("it holds another key")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, p.file, err)
	}
	if r.dead(time.Now()) {
		return nil, p.remove()
	}
	return r, nil
}

func (p *place) remove() error {
	if err := os.Remove(p.file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write puts a record in the place of what is there.
func (p *place) write(r *record) error {
	next, data := p.file+tmp, r.append(nil)
	err := os.WriteFile(next, data, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // the first in this part
		if err = os.Mkdir(p.dir, 0o700); err == nil {
			err = os.WriteFile(next, data, 0o600)
		}
	}
	if err == nil {
		err = os.Rename(next, p.file)
	}
	if err != nil {
		_ = os.Remove(next) // what fails here is found again by the sweep
	}
	return err
}

// tmp ends the names of files that are being written.
const tmp = ".tmp"

// put writes a value with a new version.
func (s *Store) put(p *place, val []byte, expires int64) (store.Item, error) {
	r := &record{key: p.key, val: val, ver: rand.Uint64N(math.MaxInt64) + 1, expires: expires}
	if err := p.write(r); err != nil {
		return store.Item{}, err
	}
	return r.item(), nil
}

// Get returns an entry; see store.Store. A file that is no entry gives ErrDamaged.
func (s *Store) Get(ctx context.Context, key string) (store.Item, error) {
	p, err := s.enter(ctx, key, 0, nil)
	if err != nil {
		return store.Item{}, err
	}
	defer p.mu.Unlock()
	r, err := p.read()
	if err != nil {
		return store.Item{}, err
	}
	if r == nil {
		return store.Item{}, store.ErrNotFound
	}
	return r.item(), nil
}

// Set writes an entry; see store.Store.
func (s *Store) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	p, err := s.enter(ctx, key, ttl, val)
	if err != nil {
		return err
	}
	defer s.leave(p)
	_, err = s.put(p, val, expiry(ttl))
	return err
}

// SetNX writes an entry if there is none; see store.Store.
func (s *Store) SetNX(ctx context.Context, key string, val []byte, ttl time.Duration) (bool, error) {
	_, err := s.CAS(ctx, key, 0, val, ttl)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// CAS writes an entry if its version is ver; see store.Store.
func (s *Store) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	p, err := s.enter(ctx, key, ttl, val)
	if err != nil {
		return store.Item{}, err
	}
	defer s.leave(p)
	r, err := p.read()
	if err != nil {
		return store.Item{}, err
	}
	if r.version() != ver {
		return store.Item{}, store.ErrConflict
	}
	return s.put(p, val, expiry(ttl))
}

// Incr adds to an integer; see store.Store.
func (s *Store) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	p, err := s.enter(ctx, key, ttl, nil)
	if err != nil {
		return 0, err
	}
	defer s.leave(p)
	r, err := p.read()
	if err != nil {
		return 0, err
	}
	if r == nil {
		r = &record{expires: expiry(ttl)}
	}
	val, sum, err := store.AddInt(r.val, delta)
	if err != nil {
		return 0, err
	}
	_, err = s.put(p, val, r.expires)
	return sum, err
}

// Allow does what store.Allow does, in one step.
func (s *Store) Allow(ctx context.Context, key string, l store.Limit, n int) (store.Decision, error) {
	if err := l.Check(n); err != nil {
		return store.Decision{}, err
	}
	p, err := s.enter(ctx, key, 0, nil)
	if err != nil {
		return store.Decision{}, err
	}
	defer s.leave(p)
	r, err := p.read()
	if err != nil {
		return store.Decision{}, err
	}
	var due int64
	if r != nil {
		if _, due, err = store.AddInt(r.val, 0); err != nil {
			return store.Decision{}, err
		}
	}
	due, d := l.Step(due, time.Now().UnixNano(), n)
	if !d.Allowed || n == 0 {
		return d, nil
	}
	val, _, err := store.AddInt(nil, due)
	if err == nil {
		_, err = s.put(p, val, due)
	}
	if err != nil {
		return store.Decision{}, err
	}
	return d, nil
}

// Touch gives an entry another time to live; see store.Store. It writes the entry anew.
func (s *Store) Touch(ctx context.Context, key string, ttl time.Duration) error {
	p, err := s.enter(ctx, key, ttl, nil)
	if err != nil {
		return err
	}
	defer s.leave(p)
	r, err := p.read()
	if err != nil {
		return err
	}
	if r == nil {
		return store.ErrNotFound
	}
	r.expires = expiry(ttl)
	return p.write(r)
}

// Delete removes entries; see store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		p, err := s.enter(ctx, key, 0, nil)
		if err != nil {
			return err
		}
		err = p.remove()
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// Scoped returns a view with keys of its own; see store.Scope.
func (s *Store) Scoped(prefix string) store.Store { return store.Scope(s, prefix) }

// Close gives the directory back, when calls that are on their way have ended. The
// entries stay.
func (s *Store) Close() error {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
	}
	return unlockFile(s.lock)
}

// leave unlocks what enter has locked, and now and then looks for dead entries.
func (s *Store) leave(p *place) {
	p.mu.Unlock()
	if n := s.writes.Add(1); n%sweepEvery == 0 {
		s.parts[n/sweepEvery%uint64(len(s.parts))].sweep()
	}
}

// sweep removes what is dead in one part, and what a process that was killed has left
// half written.
func (p *part) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	files, err := os.ReadDir(p.dir)
	if err != nil {
		return // nothing was ever written here, or the next write will say why
	}
	for _, f := range files {
		name := filepath.Join(p.dir, f.Name())
		if strings.HasSuffix(name, tmp) || deadFile(name) {
			_ = os.Remove(name) // the next sweep tries again
		}
	}
}
