package board

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/hub/hubtest"
)

func TestJournal(t *testing.T) {
	hubtest.RunJournal(t, func(tb testing.TB) (func() hub.Journal, func()) {
		path := filepath.Join(tb.TempDir(), "tasks.db")
		var store *Store
		open := func() hub.Journal {
			var err error
			if store, err = Open(context.Background(), path); err != nil {
				tb.Fatal(err)
			}
			return NewJournal(store)
		}
		return open, func() {
			if err := store.Close(); err != nil {
				tb.Error(err)
			}
		}
	})
}

// newJournal returns an empty journal.
func newJournal(tb testing.TB) *Journal {
	tb.Helper()
	store, err := Open(tb.Context(), filepath.Join(tb.TempDir(), "tasks.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return NewJournal(store)
}

// packetAt is a packet of the epoch 1.
func packetAt(room string, offset int) *hub.Packet {
	return &hub.Packet{Name: room, Message: hub.Message{Data: fmt.Appendf(nil, "%d", offset)}, Pos: hub.Pos{Epoch: 1, Offset: uint64(offset)}}
}

// wantLoaded fails the test unless a room has the packets up to head, and how many that is.
func (j *Journal) wantLoaded(tb testing.TB, room string, head, count int) {
	tb.Helper()
	packets, at, err := j.Load(tb.Context(), room, 2*journalKeep)
	if err != nil || at.Offset != uint64(head) || len(packets) != count {
		tb.Fatalf("Load(%s) = %d packets up to %v, %v; want %d up to %d", room, len(packets), at, err, count, head)
	}
	for i, p := range packets {
		if want := packetAt(room, head-count+1+i); p.Pos != want.Pos || string(p.Data) != string(want.Data) {
			tb.Fatalf("%s: packet %d is %v %s, want %v %s", room, i, p.Pos, p.Data, want.Pos, want.Data)
		}
	}
}

// A room does not grow for ever, and none at the cost of another.
func TestJournal_keepsTheNewest(t *testing.T) {
	j := newJournal(t)
	if err := j.Append(t.Context(), packetAt("quiet", 1)); err != nil {
		t.Fatal(err)
	}
	const last = journalKeep + journalTrim + 7
	for i := 1; i <= last; i++ {
		if err := j.Append(t.Context(), packetAt("loud", i)); err != nil {
			t.Fatal(err)
		}
		if i == journalKeep+journalTrim-1 {
			j.wantLoaded(t, "loud", i, i)
		}
	}
	j.wantLoaded(t, "loud", last, journalKeep+7)
	j.wantLoaded(t, "quiet", 1, 1)
}

// Many rooms write at once: nobody waits for more than one commit, and each room keeps
// all of its own in order.
func TestJournal_manyRooms(t *testing.T) {
	const rooms, each = 16, 20
	j := newJournal(t)
	var wg sync.WaitGroup
	for n := range rooms {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				if err := j.Append(t.Context(), packetAt(fmt.Sprint("room ", n), i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for n := range rooms {
		j.wantLoaded(t, fmt.Sprint("room ", n), each, each)
	}
}

// What waits behind another is written with it, or not at all if its caller leaves.
func TestJournal_givesUpWhatWaits(t *testing.T) {
	j := newJournal(t)
	<-j.turn // as if a commit were under way
	ctx, cancel := context.WithCancel(t.Context())
	left, stays := make(chan error, 1), make(chan error, 1)
	go func() { left <- j.Append(ctx, packetAt("left", 1)) }()
	go func() { stays <- j.Append(t.Context(), packetAt("stays", 1)) }()
	for waiting := 0; waiting < 2; {
		j.mu.Lock()
		waiting = len(j.waiting)
		j.mu.Unlock()
		runtime.Gosched()
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v, want %v", err, context.Canceled)
	}
	j.write(ctx) // whose context has ended
	if err := <-stays; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	j.turn <- struct{}{}
	j.wantLoaded(t, "stays", 1, 1)
	j.wantLoaded(t, "left", 0, 0)
}

// A database that cannot be written fails everybody who waits.
func TestJournal_fails(t *testing.T) {
	j := newJournal(t)
	if err := j.store.write.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.Append(t.Context(), packetAt("room", 1)); err == nil || !strings.HasPrefix(err.Error(), "write journal: ") {
			t.Errorf("Append = %v, want an error of the journal", err)
		}
	}
	j.wantLoaded(t, "room", 0, 0)
}

// What a publish costs that is on the disk when it returns: of one room alone, and of each
// of many, which share their commits.
func BenchmarkJournal_Append(b *testing.B) {
	for _, rooms := range []int{1, 16} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			j := newJournal(b)
			var next atomic.Int64
			var wg sync.WaitGroup
			for n := range rooms {
				wg.Go(func() {
					for i := 1; next.Add(1) <= int64(b.N); i++ {
						if err := j.Append(b.Context(), packetAt(fmt.Sprint("room ", n), i)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
