// Package sqlite is a store in an SQLite file: durable, and shared by the processes of one
// machine. It is pure Go.
//
//	s, err := sqlite.Open(ctx, "sessions.db", sqlite.Config{})
//
// Any number of processes may have the file open, on a local disk; SQLite's locks do not
// work on network file systems. Writes happen one at a time, readers do not wait for them. A write that
// has returned survives the process. It survives a power failure with [Config].Sync.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/gogeist/geist/store"
)

// Config is what Open takes. The zero Config has the defaults given at each field.
// Negative numbers are an error of Open.
type Config struct {
	// MaxValue bounds one value, in bytes. Zero means 1 MiB; longer ones give
	// store.ErrTooLarge. At most 512 MiB.
	MaxValue int
	// MaxBytes bounds the file, in bytes, without the log of what is being written to it.
	// Zero means 1 GiB. A write beyond it gives store.ErrFull; entries that are dead make
	// room, others do not. A file that is larger already stays so.
	MaxBytes int64
	// Sync makes each write wait until the disk has it. Without it a power failure may
	// take the writes of the last moments; the file stays sound.
	Sync bool
	// Busy is how long a call waits for other processes that write, unless its context is done
	// before. Zero means 5 s. Then the error is SQLite's.
	Busy time.Duration
}

const (
	defaultMaxValue = 1 << 20
	mostValue       = 512 << 20
	defaultMaxBytes = 1 << 30
	defaultBusy     = 5 * time.Second
	pageSize        = 4096

	// connections read beside each other.
	connections = 8
	// sweepEvery is how many writes there are for each look for dead entries, of which so
	// many are removed at once.
	sweepEvery = 32
	sweepMost  = 128
)

// schema is a table without row numbers: an entry is found by one search. The index has
// only entries that die.
const schema = `
CREATE TABLE IF NOT EXISTS geist_store (
	key     BLOB    PRIMARY KEY,
	val     BLOB    NOT NULL,
	ver     INTEGER NOT NULL,
	expires INTEGER NOT NULL -- nanoseconds since 1970, 0 never
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS geist_store_expires ON geist_store (expires) WHERE expires > 0;`

// Store is a store in an SQLite file. It has no goroutine but those of database/sql, which
// end with Close. Dead entries are removed by writes, some at a time.
type Store struct {
	conf   Config
	db     *sql.DB
	writer chan struct{} // holds one token, which whoever writes has: SQLite's own waiting is polling
	writes int           // only whoever has the token
	closed chan struct{} // closed by Close
}

var _ store.RateStore = (*Store)(nil)

// Open opens the store in a file, which it makes if need be, readable for its owner alone; one that
// is there keeps its mode, and its other tables. The name of a file is all that path is: options of
// drivers are not read from it.
func Open(ctx context.Context, path string, conf Config) (*Store, error) {
	if err := conf.complete(); err != nil {
		return nil, err
	}
	dsn, err := conf.dsn(path)
	if err != nil {
		return nil, err
	}
	if err := private(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s := &Store{conf: conf, db: db, writer: make(chan struct{}, 1), closed: make(chan struct{})}
	s.writer <- struct{}{}
	return s, nil
}

// private makes the file, if it is not there, so that only its owner reads it: SQLite would go
// by the umask alone, and gives the files beside it the mode of this one.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err // which names the file
	}
	return f.Close()
}

func (c *Config) complete() error {
	if c.MaxValue < 0 || c.MaxValue > mostValue || c.MaxBytes < 0 || c.Busy < 0 {
		return fmt.Errorf("sqlite: Config with MaxValue %d, MaxBytes %d, Busy %v: none can be negative, MaxValue at most %d", c.MaxValue, c.MaxBytes, c.Busy, mostValue)
	}
	if c.MaxValue == 0 {
		c.MaxValue = defaultMaxValue
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.Busy == 0 {
		c.Busy = defaultBusy
	}
	return nil
}

// dsn returns what the driver opens. The path is quoted whole, so that no part of it is
// taken for an option.
func (c *Config) dsn(path string) (string, error) {
	if path == "" || strings.Contains(path, "\x00") {
		return "", fmt.Errorf("sqlite: %q is no name of a file", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if abs[0] != '/' { // C:/…
		abs = "/" + abs
	}
	sync := "NORMAL"
	if c.Sync {
		sync = "FULL"
	}
	options := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", max(c.Busy.Milliseconds(), 1)),
		fmt.Sprintf("page_size(%d)", pageSize),
		"journal_mode(WAL)",
		fmt.Sprintf("synchronous(%s)", sync),
		fmt.Sprintf("max_page_count(%d)", max(c.MaxBytes/pageSize, 16)),
	}, "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: options.Encode()}
	return u.String(), nil
}

// check returns why a call cannot be.
func (s *Store) check(ctx context.Context, key string, ttl time.Duration, val []byte) error {
	select {
	case <-s.closed:
		return store.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := store.CheckTTL(ttl); err != nil {
		return err
	}
	return store.CheckValue(val, s.conf.MaxValue)
}

// says makes an error of this package's contract of one of the driver's.
func (s *Store) says(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-s.closed:
		return store.ErrClosed
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err() // the driver says that it was interrupted
	}
	if e, ok := errors.AsType[*sqlite3.Error](err); ok && e.Code()&0xff == codes.SQLITE_FULL {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}

// Get returns an entry; see store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.Item, error) {
	if err := s.check(ctx, key, 0, nil); err != nil {
		return store.Item{}, err
	}
	r, err := read(ctx, s.db, key)
	if err != nil {
		return store.Item{}, s.says(ctx, err)
	}
	if r == nil {
		return store.Item{}, store.ErrNotFound
	}
	return r.item(), nil
}

// record is a row.
type record struct {
	val     []byte
	ver     int64
	expires int64
}

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// read returns a row that is not dead, or nil.
func read(ctx context.Context, q queryer, key string) (*record, error) {
	r := &record{}
	err := q.QueryRowContext(ctx, `SELECT val, ver, expires FROM geist_store WHERE key = ?`, []byte(key)).Scan(&r.val, &r.ver, &r.expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case r.expires != 0 && r.expires <= time.Now().UnixNano():
		return nil, nil
	}
	if r.val == nil {
		r.val = []byte{}
	}
	return r, nil
}

// write puts a value with a new version in the place of what is there.
func write(ctx context.Context, q queryer, key string, val []byte, expires int64) (*record, error) {
	r := &record{val: val, ver: rand.Int64N(math.MaxInt64) + 1, expires: expires}
	if val == nil {
		val = []byte{} // nil would be NULL
	}
	_, err := q.ExecContext(ctx, `INSERT INTO geist_store (key, val, ver, expires) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET val = excluded.val, ver = excluded.ver, expires = excluded.expires`, []byte(key), val, r.ver, expires)
	return r, err
}

// version returns 0 for nil.
func (r *record) version() uint64 {
	if r == nil {
		return 0
	}
	return uint64(r.ver)
}

func (r *record) item() store.Item {
	item := store.Item{Val: r.val, Ver: uint64(r.ver)}
	if r.expires != 0 {
		item.ExpiresAt = time.Unix(0, r.expires)
	}
	return item
}

// expiry returns when an entry dies that has ttl from now on; 0 is never.
func expiry(ttl time.Duration) int64 {
	now := time.Now().UnixNano()
	if ttl == 0 || int64(ttl) > math.MaxInt64-now { // that is in the year 2262
		return 0
	}
	return now + int64(ttl)
}

// Scoped returns a view with keys of its own; see store.Scope.
func (s *Store) Scoped(prefix string) store.Store { return store.Scope(s, prefix) }

// Close waits for calls that are on their way and closes the file.
func (s *Store) Close() error {
	<-s.writer // the last who writes has finished
	defer func() { s.writer <- struct{}{} }()
	select {
	case <-s.closed:
		return nil
	default:
	}
	close(s.closed)
	return s.db.Close()
}
