package hub

import (
	"errors"
	"sync"
	"testing"
)

// repeat publishes a message again, which is at pos.
func (m *storm) repeat(t *testing.T, h *Hub, room string, pos Pos, rec record) {
	again, err := h.Publish(t.Context(), room, Message{Data: []byte(rec.text), ID: rec.id}, Once(Pos{pos.Epoch, pos.Offset - 1}))
	switch {
	case m.bus != nil && errors.Is(err, ErrBackplane):
	case errors.Is(err, ErrUnknownOutcome):
		m.unknown.Add(1)
	case err != nil || again != pos:
		t.Errorf("%s: %q is at %v, and was published again: %v, %v", room, rec.text, pos, again, err)
	default:
		m.repeated.Add(1)
	}
}

// once publishes a message from two sides at a time.
func (m *storm) once(t *testing.T, room, text string, p *stormPeer) {
	var since Pos
	if r := p.h.lookup(room); r != nil {
		r.mu.Lock()
		since = r.head
		r.mu.Unlock()
	}
	var mu sync.Mutex
	at := map[Pos]bool{}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			pos, err := p.h.Publish(t.Context(), room, Message{Data: []byte(text), ID: text}, Once(since))
			switch {
			case err == nil:
				mu.Lock()
				at[pos] = true
				mu.Unlock()
			case errors.Is(err, ErrUnknownOutcome):
				m.unknown.Add(1)
			case m.bus == nil || !errors.Is(err, ErrBackplane):
				t.Errorf("Publish once: %v", err)
			}
		})
	}
	both.Wait()
	if len(at) > 1 {
		t.Errorf("%s: %q is at %v, want one place", room, text, at)
	}
	for pos := range at {
		m.record(t, room, pos, record{text: text, id: text})
	}
}
