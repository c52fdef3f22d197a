package board

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gogeist/geist/hub"
)

const (
	// journalKeep is how many of the newest packets of a room the journal keeps.
	journalKeep = 1000
	// journalTrim is after how many the older ones are deleted: it may keep so many more.
	journalTrim = 100
	// journalTime bounds one commit, which is no longer for one caller alone.
	journalTime = 5 * time.Second
)

// Journal is a hub.Journal in the database of a Store: with it the rooms outlive the
// process. It keeps the newest 1000 packets of each room, or a few more. When Append
// returns, the packet is on the disk. It needs no closing; the Store is closed after the hub.
//
// What is appended while a commit is under way goes into the next one together: rooms do
// not wait for each other's disk.
type Journal struct {
	store *Store
	turn  chan struct{} // holds a token while nobody writes

	mu      sync.Mutex
	waiting []*entry // guarded by mu; for whoever has the turn next
}

// entry is a packet on its way to the disk.
type entry struct {
	room   []byte
	packet []byte
	trim   bool       // the room has grown enough to look at what is old
	done   chan error // gets the outcome, once
}

// NewJournal returns the journal in a store.
func NewJournal(s *Store) *Journal {
	j := &Journal{store: s, turn: make(chan struct{}, 1)}
	j.turn <- struct{}{}
	return j
}

// Append keeps a packet.
func (j *Journal) Append(ctx context.Context, p *hub.Packet) error {
	packet, err := p.MarshalBinary()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	e := &entry{room: []byte(p.Name), packet: packet, trim: p.Pos.Offset%journalTrim == 0, done: make(chan error, 1)}
	j.mu.Lock()
	j.waiting = append(j.waiting, e)
	j.mu.Unlock()
	select {
	case <-j.turn:
		j.write(ctx)
		j.turn <- struct{}{}
	case err := <-e.done:
		return err
	case <-ctx.Done():
		if j.withdraw(e) {
			return ctx.Err()
		}
	}
	return <-e.done // here already, or within journalTime
}

// withdraw takes back an entry that nobody has begun to write. The hub may give its
// place to the next packet only if it never comes there.
func (j *Journal) withdraw(e *entry) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.waiting, e)
	if i < 0 {
		return false
	}
	j.waiting = slices.Delete(j.waiting, i, i+1)
	return true
}

// write commits all that waits. The caller has the turn; its own entry may have been
// written by whoever had it before.
func (j *Journal) write(ctx context.Context) {
	j.mu.Lock()
	batch := j.waiting
	j.waiting = nil
	j.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	// The entries of others must not fail because this caller has no more time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTime)
	defer cancel()
	err := j.commit(ctx, batch)
	if err != nil {
		err = fmt.Errorf("write journal: %w", err)
	}
	for _, e := range batch {
		e.done <- err
	}
}

func (j *Journal) commit(ctx context.Context, batch []*entry) error {
	tx, err := j.store.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, e := range batch {
		if err := e.insert(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (e *entry) insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO journal (room, packet) VALUES (?, ?)", e.room, e.packet)
	if err == nil && e.trim {
		_, err = tx.ExecContext(ctx, `
			DELETE FROM journal WHERE room = ?1 AND number <=
				(SELECT number FROM journal WHERE room = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)`, e.room, journalKeep)
	}
	return err
}

// Load returns the newest packets of a room.
func (j *Journal) Load(ctx context.Context, room string, most int) (packets []hub.Packet, head hub.Pos, err error) {
	newest, err := column[[]byte](j.store.read.QueryContext(ctx,
		"SELECT packet FROM journal WHERE room = ? ORDER BY number DESC LIMIT ?", []byte(room), max(most, 1)))
	if err != nil {
		return nil, hub.Pos{}, fmt.Errorf("read journal: %w", err)
	}
	for i, b := range newest {
		var p hub.Packet
		if err := p.UnmarshalBinary(b); err != nil {
			return nil, hub.Pos{}, fmt.Errorf("read journal: %w", err)
		}
		if i == 0 {
			head = p.Pos
		}
		if p.Pos.Epoch != head.Epoch {
			break // from another life of the room
		}
		packets = append(packets, p)
	}
	slices.Reverse(packets)
	return packets[:min(len(packets), max(most, 0))], head, nil
}

var _ hub.Journal = (*Journal)(nil)
