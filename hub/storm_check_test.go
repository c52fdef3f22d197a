package hub

import (
	"maps"
	"strings"
	"testing"
)

// received is a line that a client has got.
type received struct {
	room string
	id   string
	pos  Pos
	gap  bool
	from Pos // of a gap
	text string
}

// received parses what the client has got, without forgetting it.
func (p *stormPeer) received() (lines []received) {
	p.peer.mu.Lock()
	all := p.got.String()
	p.peer.mu.Unlock()
	for line := range strings.Lines(all) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 3 {
			continue // close
		}
		x := received{room: f[0], text: f[2], gap: f[2] == "gap"}
		x.pos, _ = ParsePos(f[1])
		if x.gap {
			x.from, _ = ParsePos(f[3])
		} else {
			x.id = f[3]
		}
		lines = append(lines, x)
	}
	return lines
}

// check holds what a client has got against what was published. It returns how many
// messages that were.
func (m *storm) check(t *testing.T, p *stormPeer) int {
	at := make(map[string]Pos)
	for room, s := range p.sessions {
		at[room] = s.joined.From
	}
	n := 0
	for _, x := range p.received() {
		if x.room == "" {
			continue // direct
		}
		n++
		s := p.sessions[x.room]
		switch {
		case s == nil:
			t.Errorf("%s %v: never joined", x.room, x.pos)
		case x.gap:
			if s.joined.Recovered && x.from != at[x.room] { // what lies between was not for it
				m.checkHole(t, p, s, x.room, at[x.room], Pos{x.from.Epoch, x.from.Offset + 1})
			}
		case m.published[x.room][x.pos].text != x.text:
			t.Errorf("%s %v: received %q, published %q", x.room, x.pos, x.text, m.published[x.room][x.pos].text)
		case m.published[x.room][x.pos].id != x.id:
			t.Errorf("%s %v: received the ID %q, published %q", x.room, x.pos, x.id, m.published[x.room][x.pos].id)
		case m.published[x.room][x.pos].except == p.ID():
			t.Errorf("%s %v: received its own", x.room, x.pos)
		case s.left != nil && s.left.Epoch == x.pos.Epoch && x.pos.Offset > s.left.Offset:
			t.Errorf("%s %v: received after Leave at %v", x.room, x.pos, s.left)
		default:
			m.checkHole(t, p, s, x.room, at[x.room], x.pos)
		}
		at[x.room] = x.pos
	}
	m.checkEnd(t, p, at)
	return n
}

// checkHole wants a reason for each message between two that were received.
func (m *storm) checkHole(t *testing.T, p *stormPeer, s *session, room string, from, to Pos) {
	if from.Epoch != to.Epoch || to.Offset <= from.Offset {
		t.Errorf("%s: %v came after %v", room, to, from)
		return
	}
	for offset := from.Offset + 1; offset < to.Offset; offset++ {
		rec := m.published[room][Pos{to.Epoch, offset}]
		replayed := s.resumed && offset <= s.joined.Head.Offset
		if rec.except != p.ID() && !(replayed && rec.noLog) {
			t.Errorf("%s: %d is missing between %v and %v", room, offset, from, to)
		}
	}
}

// checkEnd wants who is still there to have all there is.
func (m *storm) checkEnd(t *testing.T, p *stormPeer, at map[string]Pos) {
	for _, room := range p.Rooms() {
		head := p.h.lookup(room).head
		s := p.sessions[room]
		if at[room].Epoch == head.Epoch {
			m.checkHole(t, p, s, room, at[room], Pos{head.Epoch, head.Offset + 1})
		} else {
			t.Errorf("%s: ended at %v, the head is %v", room, at[room], head)
		}
	}
}

// checkPresence holds what a client was told of its rooms against who is there. It
// returns how many rooms those were.
func (m *storm) checkPresence(t *testing.T, p *stormPeer) (n int) {
	p.peer.mu.Lock()
	text := p.got.String()
	p.peer.mu.Unlock()
	for _, room := range p.Rooms() {
		if !p.sessions[room].watches {
			continue
		}
		n++
		var told strings.Builder
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, room+" who ") {
				told.WriteString(line)
			}
		}
		known := knows(t, told.String(), 0)
		if want := there(t, p.h, room); !maps.Equal(known, want) {
			t.Errorf("%s: knows %v, want %v", room, known, want)
		}
	}
	return n
}
