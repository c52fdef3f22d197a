package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Store keeps values under keys. All methods may be called by any number of goroutines.
// Each is atomic, but Delete of several keys, and waits at most until ctx is done; its
// error is that of ctx then, and whether something was written is known only if ctx was
// done before the call: nothing was. Test errors with errors.Is.
//
// Keys are any 1 to [MaxKey] bytes, the prefixes of scopes included; others give ErrKey.
// Values are any bytes, none included. A store has a limit for them, at least 64 KiB,
// above which it returns ErrTooLarge. It keeps no slice that it is given, and changes none
// that it has returned.
//
// A ttl is how long an entry lives from now on. Zero means for ever, a negative one gives
// ErrTTL. An entry never dies before its time; a store whose clock is coarse may let it
// live up to a second longer. One that is dead is as if it had never been.
type Store interface {
	// Get returns an entry, or ErrNotFound. The Val is the caller's own.
	Get(ctx context.Context, key string) (Item, error)
	// Set writes an entry, whatever was there.
	Set(ctx context.Context, key string, val []byte, ttl time.Duration) error
	// SetNX writes an entry if there is none, and reports whether it has.
	SetNX(ctx context.Context, key string, val []byte, ttl time.Duration) (bool, error)
	// CAS writes an entry if the one that is there has the version ver; with the version
	// 0, if there is none. Otherwise it returns ErrConflict. The Item is the new entry;
	// its Val is val itself.
	CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (Item, error)
	// Incr adds delta to a decimal integer and returns the sum. An entry that is not
	// there counts as 0 and gets ttl; one that is there keeps its time to live. ErrNotInteger
	// means that the value is not what strconv.FormatInt writes, or that the sum would not be an int64.
	Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error)
	// Touch gives an entry another ttl, and leaves its value and version. It returns
	// ErrNotFound if there is none.
	Touch(ctx context.Context, key string, ttl time.Duration) error
	// Delete removes entries. Keys that are not there are no error. On an error, some
	// may have been removed.
	Delete(ctx context.Context, keys ...string) error
	// Scoped returns a view with keys of its own; see Scope. The same prefix gives the
	// same keys. It needs no Close: that of a view does nothing.
	Scoped(prefix string) Store
	// Close releases what the store holds. Later calls, those of its views included, get
	// ErrClosed; calls that are on their way may get it, or finish. A second Close returns nil.
	Close() error
}

// Item is an entry.
type Item struct {
	// Val is the value: the caller's own, never nil from Get.
	Val []byte
	// Ver is the version, never 0. It changes with each write of the value, to one that
	// the key has never had.
	Ver uint64
	// ExpiresAt is when the entry dies. Zero means never.
	ExpiresAt time.Time
}

// MaxKey is the length of the longest key, in bytes, with the prefixes of its scopes.
const MaxKey = 1024

// What the methods of a Store return; test with errors.Is.
var (
	// ErrNotFound means that there is no entry, or none any more.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict means that the entry is not at the version that CAS was given: it was
	// changed, deleted, or has died. Whoever wants to try again begins with Get.
	ErrConflict = errors.New("store: the entry has changed")
	// ErrFull means that there is no room, and nothing that may be dropped for it. What
	// was there is unchanged.
	ErrFull = errors.New("store: full")
	// ErrTooLarge means that a value is longer than the store takes.
	ErrTooLarge = errors.New("store: value too large")
	// ErrKey means that a key is empty or longer than MaxKey.
	ErrKey = errors.New("store: bad key")
	// ErrTTL means that a time to live is negative.
	ErrTTL = errors.New("store: negative time to live")
	// ErrNotInteger means that Incr or Allow met a value that is no integer of theirs,
	// or that a sum would not be one.
	ErrNotInteger = errors.New("store: not an integer")
	// ErrLimit means that a Limit is none, or that Allow was asked for a negative number.
	ErrLimit = errors.New("store: bad limit")
	// ErrClosed means that the store has been closed.
	ErrClosed = errors.New("store: closed")
)

// CheckKey returns ErrKey for a key that no store takes. It is for those who write one.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return badKey(len(key))
	}
	return nil
}

func badKey(n int) error {
	return fmt.Errorf("%w: %d bytes, from 1 to %d are allowed", ErrKey, n, MaxKey)
}

// CheckTTL returns ErrTTL for a negative ttl. It is for those who write a store.
func CheckTTL(ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("%w: %v", ErrTTL, ttl)
	}
	return nil
}

// CheckValue returns ErrTooLarge for a value of more than limit bytes. It is for those who
// write a store.
func CheckValue(val []byte, limit int) error {
	if len(val) > limit {
		return fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, len(val), limit)
	}
	return nil
}

// AddInt is Incr without the store: it returns the value that is val and delta together,
// as a number and as it is kept. A val of nil counts as 0. It is for those who write a store.
func AddInt(val []byte, delta int64) ([]byte, int64, error) {
	var n int64
	if val != nil {
		var ok bool
		if n, ok = parseInt(string(val)); !ok {
			return nil, 0, ErrNotInteger
		}
	}
	n, ok := addInt(n, delta)
	if !ok {
		return nil, 0, fmt.Errorf("%w: the sum is out of range", ErrNotInteger)
	}
	return strconv.AppendInt(nil, n, 10), n, nil
}

// parseInt reads what strconv.FormatInt writes, and nothing else.
func parseInt(s string) (n int64, ok bool) {
	if len(s) > len("-9223372036854775808") {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	var canonical [20]byte
	return n, err == nil && string(strconv.AppendInt(canonical[:0], n, 10)) == s
}

// addInt adds, unless the sum is out of range.
func addInt(a, b int64) (sum int64, ok bool) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, false
	}
	return a + b, true
}
