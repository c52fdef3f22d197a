package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gogeist/geist/store"
)

// lock waits until nobody else in this process writes.
func (s *Store) lock(ctx context.Context) error {
	select {
	case <-s.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writer:
	}
	select {
	case <-s.closed:
		s.writer <- struct{}{}
		return store.ErrClosed
	default:
		return nil
	}
}

// change runs one transaction that writes. A store that is full is asked once more,
// without its dead entries.
func (s *Store) change(ctx context.Context, do func(tx queryer) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer func() { s.writer <- struct{}{} }()
	if s.writes++; s.writes%sweepEvery == 0 {
		if _, err := s.sweep(ctx); err != nil {
			return s.says(ctx, err)
		}
	}
	for {
		err := s.says(ctx, s.transact(ctx, do))
		if !errors.Is(err, store.ErrFull) {
			return err
		}
		if n, sweepErr := s.sweep(ctx); sweepErr != nil || n == 0 {
			return err
		}
	}
}

func (s *Store) transact(ctx context.Context, do func(tx queryer) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, undo(tx))
	}
	return tx.Commit()
}

// undo rolls back, unless the end of the context has done so already.
func undo(tx *sql.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// sweep removes some dead entries, and returns how many.
func (s *Store) sweep(ctx context.Context) (int64, error) {
	res, err := s.db.ExecContext(ctx, `DELETE FROM geist_store WHERE key IN
		(SELECT key FROM geist_store WHERE expires > 0 AND expires <= ? ORDER BY expires LIMIT ?)`, time.Now().UnixNano(), sweepMost)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Set writes an entry; see store.Store.
func (s *Store) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	if err := s.check(ctx, key, ttl, val); err != nil {
		return err
	}
	return s.change(ctx, func(tx queryer) error {
		_, err := write(ctx, tx, key, val, expiry(ttl))
		return err
	})
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
	if err := s.check(ctx, key, ttl, val); err != nil {
		return store.Item{}, err
	}
	var item store.Item
	err := s.change(ctx, func(tx queryer) error {
		r, err := read(ctx, tx, key)
		if err != nil {
			return err
		}
		if r.version() != ver {
			return store.ErrConflict
		}
		if r, err = write(ctx, tx, key, val, expiry(ttl)); err != nil {
			return err
		}
		item = r.item()
		return nil
	})
	if err != nil {
		return store.Item{}, err
	}
	return item, nil
}

// Incr adds to an integer; see store.Store.
func (s *Store) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	if err := s.check(ctx, key, ttl, nil); err != nil {
		return 0, err
	}
	var sum int64
	err := s.change(ctx, func(tx queryer) error {
		r, err := read(ctx, tx, key)
		if err != nil {
			return err
		}
		if r == nil {
			r = &record{expires: expiry(ttl)}
		}
		var val []byte
		if val, sum, err = store.AddInt(r.val, delta); err != nil {
			return err
		}
		_, err = write(ctx, tx, key, val, r.expires)
		return err
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// Allow does what store.Allow does. One that is refused, or only looks, writes nothing and
// waits for no writer.
func (s *Store) Allow(ctx context.Context, key string, l store.Limit, n int) (store.Decision, error) {
	if err := l.Check(n); err != nil {
		return store.Decision{}, err
	}
	if err := s.check(ctx, key, 0, nil); err != nil {
		return store.Decision{}, err
	}
	_, d, err := step(ctx, s.db, key, l, n)
	if err != nil {
		return store.Decision{}, s.says(ctx, err)
	}
	if !d.Allowed || n == 0 {
		return d, nil
	}
	err = s.change(ctx, func(tx queryer) error {
		due, now, err := step(ctx, tx, key, l, n)
		if d = now; err != nil || !d.Allowed {
			return err
		}
		val, _, err := store.AddInt(nil, due)
		if err != nil {
			return err
		}
		_, err = write(ctx, tx, key, val, due)
		return err
	})
	if err != nil {
		return store.Decision{}, err
	}
	return d, nil
}

// step reads what is kept of a limit, and takes n of it. Nothing is written.
func step(ctx context.Context, q queryer, key string, l store.Limit, n int) (int64, store.Decision, error) {
	r, err := read(ctx, q, key)
	if err != nil {
		return 0, store.Decision{}, err
	}
	var due int64
	if r != nil {
		if _, due, err = store.AddInt(r.val, 0); err != nil {
			return 0, store.Decision{}, err
		}
	}
	due, d := l.Step(due, time.Now().UnixNano(), n)
	return due, d, nil
}

// Touch gives an entry another time to live; see store.Store.
func (s *Store) Touch(ctx context.Context, key string, ttl time.Duration) error {
	if err := s.check(ctx, key, ttl, nil); err != nil {
		return err
	}
	return s.change(ctx, func(tx queryer) error {
		res, err := tx.ExecContext(ctx, `UPDATE geist_store SET expires = ? WHERE key = ? AND (expires = 0 OR expires > ?)`,
			expiry(ttl), []byte(key), time.Now().UnixNano())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return store.ErrNotFound
	})
}

// Delete removes entries, all or none; see store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.check(ctx, key, 0, nil); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return s.change(ctx, func(tx queryer) error {
		for _, key := range keys {
			if _, err := tx.ExecContext(ctx, `DELETE FROM geist_store WHERE key = ?`, []byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
}
