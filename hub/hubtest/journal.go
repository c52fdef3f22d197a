package hubtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist/hub"
)

// Journal is a hub.Journal in memory, for tests: a hub that is made with one that
// another had goes on where that one was. It keeps everything. The zero Journal is empty;
// it must not be copied.
type Journal struct {
	mu    sync.Mutex
	rooms map[string][]hub.Packet // guarded by mu
	err   error                   // guarded by mu
}

// Fail makes every call return an error from now on, until it is nil.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

// Append keeps a copy.
func (j *Journal) Append(ctx context.Context, p *hub.Packet) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.err, ctx.Err()); err != nil {
		return err
	}
	if j.rooms == nil {
		j.rooms = map[string][]hub.Packet{}
	}
	kept := *p
	kept.Data = slices.Clone(p.Data)
	j.rooms[p.Name] = append(j.rooms[p.Name], kept)
	return nil
}

// Load returns what was kept.
func (j *Journal) Load(ctx context.Context, room string, most int) ([]hub.Packet, hub.Pos, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.err, ctx.Err()); err != nil {
		return nil, hub.Pos{}, err
	}
	all := j.rooms[room]
	if len(all) == 0 {
		return nil, hub.Pos{}, nil
	}
	from := max(0, len(all)-most)
	head := all[len(all)-1].Pos
	for from < len(all) && all[from].Pos.Epoch != head.Epoch {
		from++
	}
	return slices.Clone(all[from:]), head, nil
}

// RunJournal tests a kind of journal. Each test calls start for one that is empty: open
// opens it, and opens it again once shut has been called, as after a restart.
func RunJournal(t *testing.T, start func(tb testing.TB) (open func() hub.Journal, shut func())) {
	tests := []struct {
		name string
		test func(*journalSuite)
	}{
		{"empty", (*journalSuite).empty},
		{"packets", (*journalSuite).packets},
		{"epochs", (*journalSuite).epochs},
		{"context", (*journalSuite).context},
		{"restart", (*journalSuite).restart},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			open, end := start(t)
			tt.test(&journalSuite{T: t, open: open, end: end})
		})
	}
}

// journalSuite is one test with its journal.
type journalSuite struct {
	*testing.T
	open func() hub.Journal
	end  func()
}

func (s *journalSuite) empty() {
	j := s.open()
	defer s.end()
	if packets, head, err := j.Load(s.Context(), "room", 10); len(packets) > 0 || !head.IsZero() || err != nil {
		s.Errorf("Load = %v, %v, %v, want nothing", packets, head, err)
	}
}

// packets keeps what a packet can be, and loads it after each of two restarts.
func (s *journalSuite) packets() {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	var want []hub.Packet
	for i, m := range []hub.Message{
		{Data: []byte("text"), ID: strings.Repeat("é", 64)}, {Event: "e", Data: every, Binary: true}, {ID: "id"}, {}, {Data: bytes.Repeat([]byte("x"), 200<<10)},
	} {
		want = append(want, hub.Packet{
			Node: hub.NodeID(hub.NewConnID()), Name: "a/../b\x00é", Message: m, Except: hub.NewConnID(), Pos: hub.Pos{Epoch: 7, Offset: uint64(i + 1)},
		})
	}
	j := s.open()
	for i := range want {
		p := want[i]
		p.Data = slices.Clone(p.Data)
		if err := j.Append(s.Context(), &p); err != nil {
			s.Fatalf("Append: %v", err)
		}
		clear(p.Data) // its memory is not kept
		other := hub.Packet{Name: "other", Pos: hub.Pos{Epoch: 8, Offset: uint64(i + 1)}}
		if err := j.Append(s.Context(), &other); err != nil {
			s.Fatalf("Append: %v", err)
		}
	}
	for range 3 {
		for _, most := range []int{0, 1, 3, 4, 100} {
			s.loads(j, want[len(want)-min(most, len(want)):], want[0].Name, most, want[len(want)-1].Pos)
		}
		s.end()
		j = s.open()
	}
	s.end()
}

// loads compares what is loaded. A journal may keep less: then it must be the newest.
func (s *journalSuite) loads(j hub.Journal, want []hub.Packet, room string, most int, head hub.Pos) {
	s.Helper()
	got, at, err := j.Load(s.Context(), room, most)
	if err != nil || at != head || len(got) > len(want) || len(got) == 0 && len(want) > 0 {
		s.Fatalf("Load(%d) = %d packets, %v, %v, want %d, %v", most, len(got), at, err, len(want), head)
	}
	for i, w := range want[len(want)-len(got):] {
		g := got[i]
		if g.Pos != w.Pos || g.Event != w.Event || g.ID != w.ID || !bytes.Equal(g.Data, w.Data) || g.Binary != w.Binary || g.Except != w.Except || g.NoLog != w.NoLog {
			s.Errorf("Load(%d): packet at %v is %d bytes of %q, named %q, want %d of %q, named %q, at %v", most, g.Pos, len(g.Data), g.Event, g.ID, len(w.Data), w.Event, w.ID, w.Pos)
		}
	}
}

// epochs begins another: what was before is not loaded any more.
func (s *journalSuite) epochs() {
	j := s.open()
	var last hub.Packet
	for _, pos := range []hub.Pos{{Epoch: 9, Offset: 1}, {Epoch: 9, Offset: 2}, {Epoch: 3, Offset: 1}} {
		last = hub.Packet{Name: "room", Pos: pos, NoLog: true}
		if err := j.Append(s.Context(), &last); err != nil {
			s.Fatalf("Append: %v", err)
		}
	}
	s.end()
	s.loads(s.open(), []hub.Packet{last}, "room", 10, last.Pos)
	s.end()
}

func (s *journalSuite) context() {
	j := s.open()
	defer s.end()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if err := j.Append(ctx, &hub.Packet{Name: "room", Pos: hub.Pos{Epoch: 1, Offset: 1}}); !errors.Is(err, context.Canceled) {
		s.Errorf("Append = %v, want %v", err, context.Canceled)
	}
	if _, _, err := j.Load(ctx, "room", 1); !errors.Is(err, context.Canceled) {
		s.Errorf("Load = %v, want %v", err, context.Canceled)
	}
}

// restart publishes, shuts down, and goes on with another hub: a client resumes, and
// loses and repeats nothing.
func (s *journalSuite) restart() {
	var pos hub.Pos
	for life := range 3 {
		h := hub.New(hub.Config{Journal: s.open()})
		if life > 0 {
			s.resumes(h, pos)
		}
		for _, text := range []string{"1", "2", "3"} {
			p, err := h.Publish(s.Context(), "room", hub.Message{Data: []byte(text), ID: "id" + text})
			if err != nil {
				s.Fatalf("Publish: %v", err)
			}
			if text == "1" {
				pos = p
			}
		}
		if err := h.Shutdown(s.Context()); err != nil {
			s.Fatalf("Shutdown: %v", err)
		}
		s.end()
	}
}

func (s *journalSuite) resumes(h *hub.Hub, pos hub.Pos) {
	s.Helper()
	c := NewClient()
	defer c.Close()
	joined, err := h.Join(c, "room", hub.Since(pos))
	if err != nil || !joined.Recovered || joined.Replayed != 2 {
		s.Fatalf("Join = %+v, %v, want 2 messages recovered", joined, err)
	}
	for i, want := range []string{"2", "3"} {
		d, err := c.Next(s.Context())
		at := hub.Pos{Epoch: pos.Epoch, Offset: pos.Offset + uint64(i) + 1}
		if err != nil || string(d.Data) != want || d.ID != "id"+want || d.Pos != at {
			s.Errorf("received %q, named %q, at %v, %v, want %q at %v", d.Data, d.ID, d.Pos, err, want, at)
		}
	}
}

var _ hub.Journal = (*Journal)(nil)
