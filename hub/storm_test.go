package hub

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	stormFor  = flag.Duration("storm", 0, "how long TestHub_storm goes on with new seeds; 0: a few seeds")
	stormSeed = flag.Uint64("stormseed", 0, "the first seed of TestHub_storm; 0: any")
)

// TestHub_storm lets workers do everything at once, and holds each subscriber's view
// against what was published: in each room a gap-free part of one order, or a gap that
// was told. Some messages are repeated with Once: each is there once. Who observes knows who is
// there in the end. It does so on one hub, and on two that an ordered bus connects. To run it long: go test -race ./hub -run storm -timeout 0 -args -storm=5m
func TestHub_storm(t *testing.T) {
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	begin := time.Now()
	for i := uint64(0); i < 1 || time.Since(begin) < *stormFor; i++ {
		t.Run(fmt.Sprintf("%d/alone", seed+i), func(t *testing.T) { runStorm(t, seed+i, nil) })
		t.Run(fmt.Sprintf("%d/bus", seed+i), func(t *testing.T) { runStorm(t, seed+i, &Bus{Ordered: true}) })
		if t.Failed() {
			t.Fatalf("failed with -stormseed=%d", seed+i)
		}
	}
}

const (
	stormWorkers = 6
	stormOps     = 800
)

// stormRooms have every policy, with and without history and coalescing.
var stormRooms = map[string]RoomConfig{
	"kick":  {MaxLagMessages: 30, MaxLagBytes: 4 << 10},
	"skip":  {MaxLagMessages: 20, OnLag: SkipToHead, KeepMessages: 10, Presence: true},
	"drop":  {MaxLagMessages: 25, OnLag: DropOldest, KeepMessages: -1},
	"bytes": {MaxLagBytes: 700, OnLag: DropOldest},
	"slow":  {Coalesce: time.Millisecond, KeepBytes: 300},
	"brief": {KeepMessages: -1, Presence: true},
	"crowd": {KeepMessages: 50, Presence: true}, // where everybody is
}

// storm is one run.
type storm struct {
	hubs  []*Hub
	bus   *Bus // nil if there is one hub
	names []string

	mu        sync.Mutex
	published map[string]map[Pos]record // by room
	peers     []*stormPeer
	repeated  atomic.Int64 // repetitions that were found out
	unknown   atomic.Int64 // those that nobody could tell
}

// record is what is known of a message.
type record struct {
	text   string
	id     string
	except ConnID
	noLog  bool
}

// stormPeer is a client, with what it was promised.
type stormPeer struct {
	*peer
	h        *Hub
	mu       sync.Mutex
	sessions map[string]*session
	release  func()
}

// session is a stay in a room, of which a client has one at most.
type session struct {
	joined  Joined
	resumed bool
	watches bool // it observes
	left    *Pos // the head when Leave had returned
}

func runStorm(t *testing.T, seed uint64, bus *Bus) {
	conf := Config{Room: func(name string) RoomConfig { return stormRooms[name] }}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		m := &storm{hubs: []*Hub{h}, bus: bus, published: map[string]map[Pos]record{}}
		if bus != nil {
			m.hubs = nil
			for range 2 {
				conf.Backplane = bus.Node()
				m.hubs = append(m.hubs, New(conf))
			}
		}
		for name := range stormRooms {
			m.names = append(m.names, name)
			m.published[name] = map[Pos]record{}
		}
		for range 100 {
			m.join(t, m.newPeer(), "crowd", Pos{})
		}
		for range m.hubs { // newPeer goes round the hubs: one sleeper on each, so that every lag policy acts
			sleeper := m.newPeer()
			sleeper.toggle()
			for _, room := range []string{"kick", "drop"} {
				m.join(t, sleeper, room, Pos{})
			}
		}
		var workers sync.WaitGroup
		for w := range uint64(stormWorkers) {
			workers.Go(func() { m.work(t, rand.New(rand.NewPCG(seed, w))) })
		}
		workers.Wait()
		for _, p := range m.peers {
			p.unstall()
		}
		time.Sleep(2 * leaseTime) // windows of coalescing, and nodes that could not be reached
		synctest.Wait()
		total, observers := 0, 0
		for _, p := range m.peers {
			total += m.check(t, p)
			observers += m.checkPresence(t, p)
		}
		if m.repeated.Load() == 0 || m.unknown.Load() == 0 || observers == 0 {
			t.Errorf("a calm storm: %d repetitions, %d that nobody knows, %d observers", m.repeated.Load(), m.unknown.Load(), observers)
		}
		for _, h := range m.hubs {
			if stats := h.Stats(); stats.Dropped == 0 || stats.Gaps == 0 || stats.Disconnected == 0 || stats.Resumed == 0 || total == 0 {
				t.Errorf("a calm storm: %d received, %+v", total, stats)
			}
		}
		for _, p := range m.peers {
			p.gone()
		}
		synctest.Wait()
		for _, h := range m.hubs {
			checkEmpty(t, h)
			wantError(t, "Shutdown", h.Shutdown(t.Context()), nil)
		}
	})
}

// checkEmpty looks for what should have gone with the connections.
func checkEmpty(t *testing.T, h *Hub) {
	if got := h.Stats().Conns; got != 0 {
		t.Errorf("%d connections are left", got)
	}
	for name := range stormRooms {
		if r := h.lookup(name); r != nil && (r.members.n != 0 || len(r.tapes) != 0 || r.pins != 0 || len(r.members.chunks) != 0) {
			t.Errorf("room %s: %d members, %d tapes, %d pins", name, r.members.n, len(r.tapes), r.pins)
		}
	}
}

func (m *storm) newPeer() *stormPeer {
	p := &stormPeer{peer: newPeer(lines{full: true, who: true}), sessions: map[string]*session{}}
	m.mu.Lock()
	defer m.mu.Unlock()
	p.h = m.hubs[len(m.peers)%len(m.hubs)]
	m.peers = append(m.peers, p)
	return p
}

func (m *storm) work(t *testing.T, r *rand.Rand) {
	var mine []*stormPeer
	for i := range stormOps {
		if len(mine) < 5 {
			mine = append(mine, m.newPeer())
		}
		p := mine[r.IntN(len(mine))]
		room := m.names[r.IntN(len(m.names))]
		switch n := r.IntN(100); {
		case n < 50:
			m.publish(t, r, room, fmt.Sprint(i), p)
		case n < 53:
			m.once(t, room, fmt.Sprint(i, "-", r.Uint64()), p)
		case n < 55:
			_ = p.h.Show(p, room, i) // may not be in it, or the room keep none
		case n < 70:
			m.join(t, p, room, Pos{})
		case n < 78:
			m.leave(p, room)
		case n < 88:
			p.toggle()
		case n < 92:
			_ = p.h.Send(t.Context(), p.ID(), Message{Data: []byte("direct")})
			_ = p.h.Broadcast(t.Context(), Message{Data: []byte("all")})
		case n < 93 && m.bus != nil:
			m.bus.SetDown(true)
			runtime.Gosched()
			m.bus.SetDown(false)
		default:
			mine = append(mine[:0:0], mine...)
			mine[r.IntN(len(mine))] = m.replace(t, p)
		}
	}
}

func (m *storm) publish(t *testing.T, r *rand.Rand, room, text string, p *stormPeer) {
	rec := record{text: fmt.Sprintf("%s-%d-%s", text, r.Uint64(), strings.Repeat("x", r.IntN(60)))}
	var opts []PublishOption
	if r.IntN(4) == 0 {
		rec.except = p.ID()
		opts = append(opts, Except(rec.except))
	}
	if r.IntN(8) == 0 {
		rec.noLog = true
		opts = append(opts, NoLog())
	}
	if r.IntN(2) == 0 {
		rec.id = rec.text[:min(len(rec.text), maxID)]
	}
	pos, err := p.h.Publish(t.Context(), room, Message{Data: []byte(rec.text), ID: rec.id}, opts...)
	if m.bus != nil && errors.Is(err, ErrBackplane) {
		return
	}
	if err != nil {
		t.Errorf("Publish: %v", err)
	}
	m.record(t, room, pos, rec)
	if rec.id != "" && !rec.noLog && !pos.IsZero() {
		m.repeat(t, p.h, room, pos, rec)
	}
}

// record notes what was published.
func (m *storm) record(t *testing.T, room string, pos Pos, rec record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.published[room][pos]; ok && !pos.IsZero() {
		t.Errorf("%s: both %q and %q are at %v", room, old.text, rec.text, pos)
	}
	m.published[room][pos] = rec
}

func (m *storm) join(t *testing.T, p *stormPeer, room string, pos Pos) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[room] != nil {
		return
	}
	watches := stormRooms[room].Presence && p.ID()[1]%2 == 0
	opts := []JoinOption{Since(pos)}
	if watches {
		opts = append(opts, Observe())
	}
	j, err := p.h.Join(p, room, opts...)
	switch {
	case m.bus != nil && errors.Is(err, ErrBackplane):
	case err == nil:
		p.sessions[room] = &session{joined: j, resumed: !pos.IsZero(), watches: watches}
	case !errors.Is(err, ErrConnClosed):
		t.Errorf("Join: %v", err)
	}
}

func (m *storm) leave(p *stormPeer, room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sessions[room]
	if s == nil || s.left != nil || !p.h.Leave(p, room) {
		return
	}
	s.left = new(Pos)
	if r := p.h.lookup(room); r != nil {
		r.mu.Lock()
		*s.left = r.head
		r.mu.Unlock()
	}
}

// toggle stalls the client, or lets it read again.
func (p *stormPeer) toggle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.release == nil {
		p.release = p.stall()
		return
	}
	p.release()
	p.release = nil
}

func (p *stormPeer) unstall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.release != nil {
		p.release()
		p.release = nil
	}
}

// replace cuts a client off, and has another resume where it was.
func (m *storm) replace(t *testing.T, p *stormPeer) *stormPeer {
	p.gone()
	q := m.newPeer()
	p.mu.Lock()
	rooms := make(map[string]Pos)
	for room, s := range p.sessions {
		rooms[room] = s.joined.From
	}
	p.mu.Unlock()
	for _, line := range p.received() {
		if line.room != "" {
			rooms[line.room] = line.pos
		}
	}
	for room, pos := range rooms {
		m.join(t, q, room, pos)
	}
	return q
}
