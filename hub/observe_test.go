package hub

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// people are connections whose ids tests write as the names of their users.
type people struct {
	*testing.T
	h   *Hub
	ids *strings.Replacer
	all []string
}

// come joins the room as somebody.
func (x *people) come(name string, opts ...JoinOption) *peer {
	x.Helper()
	p := newPeer(lines{who: true})
	x.all = append(x.all, p.ID().String(), name)
	x.ids = strings.NewReplacer(x.all...)
	wantError(x.T, "Attach", x.h.Attach(p, As(name)), nil)
	if _, err := x.h.Join(p, "a", opts...); err != nil {
		x.Fatal(err)
	}
	return p
}

// wants compares what somebody was told since the last time.
func (x *people) wants(p *peer, want ...string) {
	x.Helper()
	synctest.Wait()
	got := strings.Split(strings.TrimSuffix(x.ids.Replace(p.text()), "\n"), "\n")
	for i, line := range got {
		if f := strings.Fields(line); len(f) > 3 && f[1] == "who" {
			slices.SortFunc(f[3:], byName)
			got[i] = strings.Join(f, " ")
		}
	}
	if len(want) == 0 {
		want = []string{""}
	}
	if !slices.Equal(got, want) {
		x.Errorf("received\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// byName puts "reset" first, then what is said of members.
func byName(a, b string) int {
	return strings.Compare(strings.TrimPrefix(a, "reset"), strings.TrimPrefix(b, "reset"))
}

func observing(t *testing.T, test func(x *people)) {
	t.Helper()
	bubble(t, withPresence, func(t *testing.T, h *Hub) { test(&people{T: t, h: h}) })
}

func TestObserve_tells(t *testing.T) {
	observing(t, func(x *people) {
		x.come("bob")
		ann := x.come("ann", Observe(), Show(1))
		x.wants(ann, "a who 2 reset +ann:ann:1 +bob:bob:")
		carl := x.come("carl", Observe())
		x.wants(carl, "a who 3 reset +ann:ann:1 +bob:bob: +carl:carl:")
		x.wants(ann)
		time.Sleep(changeGather)
		x.wants(ann, "a who 3 +carl:carl:")
		x.wants(carl, "a who 3 +carl:carl:") // again: it has no effect
		x.h.Leave(x.come("dora"), "a")
		wantError(x.T, "Show", x.h.Show(ann, "a", 2), nil)
		wantError(x.T, "Show", x.h.Show(ann, "a", 3), nil)
		wantError(x.T, "Attach", x.h.Attach(carl, As("karl")), nil)
		time.Sleep(changePause - time.Nanosecond)
		x.wants(ann)
		time.Sleep(time.Nanosecond)
		x.wants(ann, "a who 3 -dora ~ann:ann:3 ~carl:karl:") // a list may have had her
		x.h.Leave(carl, "a")
		publish(x.T, x.h, "a", "x")
		x.wants(ann, "a 1 x")
		time.Sleep(changePause)
		x.wants(ann, "a who 2 -carl")
		x.wants(carl, "a who 3 -dora ~ann:ann:3 ~carl:karl:") // and nothing after it has left
		time.Sleep(time.Hour)
		x.wants(ann)
	})
}

func TestObserve_refused(t *testing.T) {
	conf := Config{Room: func(name string) RoomConfig { return RoomConfig{Presence: name == "a"} }}
	bubble(t, conf, func(t *testing.T, h *Hub) {
		_, err := h.Join(newPeer(lines{who: true}), "none", Observe())
		wantError(t, "Join of a room that keeps none", err, ErrNoPresence)
		p := newPeer(lines{})
		_, err = h.Join(p, "a", Observe())
		wantError(t, "Join that cannot be told", err, ErrCannotTell)
		_, err = h.Subscribe(t.Context(), "a", Observe())
		wantError(t, "Subscribe", err, ErrCannotTell)
		wantPresence(t, h, "a", "")
		if rooms := p.Rooms(); len(rooms) > 0 {
			t.Errorf("it is in %q, want nothing to have changed", rooms)
		}
	})
}

// TestObserve_order has the answer first, then a gap, if there is one, then who is there.
func TestObserve_order(t *testing.T) {
	observing(t, func(x *people) {
		publish(x.T, x.h, "a", "1", "2")
		x.wants(x.come("ann", Observe(), replies(), Last(1)), "joined 2", "a who 1 reset +ann:ann:", "a 2 2")
		x.wants(x.come("bob", Observe(), replies(), Since(Pos{1, 1})), "joined 2", "a gap ? 2", "a who 2 reset +ann:ann: +bob:bob:")
	})
}

// TestObserve_slow stalls a client: nothing is collected for it, it is not closed, and
// then it is told who is there.
func TestObserve_slow(t *testing.T) {
	observing(t, func(x *people) {
		ann, bob := x.come("ann", Observe()), x.come("bob")
		x.wants(ann, "a who 1 reset +ann:ann:")
		release := ann.stall()
		wantError(x.T, "Send", x.h.Send(x.Context(), ann.ID(), Message{Data: []byte("on its way")}), nil)
		for i := range 3 * keptChanges {
			wantError(x.T, "Show", x.h.Show(bob, "a", i), nil)
			time.Sleep(changePause)
		}
		r := x.h.lookup("a")
		r.mu.Lock()
		if v := r.presence.views; len(v) != 1 || len(v[0].units) != keptChanges {
			x.Errorf("%d views, want one with %d units", len(v), keptChanges)
		}
		r.mu.Unlock()
		release()
		x.wants(ann, "- 0 on its way", "a who 2 reset +ann:ann: +bob:bob:11")
		for i := range 2 {
			release = ann.stall()
			wantError(x.T, "Send", x.h.Send(x.Context(), ann.ID(), Message{Data: []byte("on its way")}), nil)
			for range 2 {
				wantError(x.T, "Show", x.h.Show(bob, "a", i), nil)
				time.Sleep(changePause)
			}
			release()
			x.wants(ann, "- 0 on its way", fmt.Sprint("a who 2 ~bob:bob:", i), fmt.Sprint("a who 2 ~bob:bob:", i))
		}
	})
}

// TestObserve_large has more members than are told: never more at a time, all as soon as
// they are few enough.
func TestObserve_large(t *testing.T) {
	observing(t, func(x *people) {
		some := ObserveUpTo(hubwire.Key{}, 3)
		ann := x.come("ann", some)
		x.wants(ann, "a who 1 reset +ann:ann:")
		var others []*peer
		for i := range 4 {
			others = append(others, x.come(fmt.Sprint("other", i)))
		}
		time.Sleep(changePause)
		x.wantsList(ann, "a who 5 reset", 3)
		zoe := x.come("zoe", some)
		x.wantsList(zoe, "a who 6 reset", 3)
		time.Sleep(changePause)
		x.wants(ann, "a who 6 +zoe:zoe:") // a change that is small enough
		x.h.Leave(others[0], "a")
		x.h.Leave(others[1], "a")
		time.Sleep(changePause)
		x.wants(ann, "a who 4 -other0 -other1")
		x.h.Leave(others[2], "a")
		time.Sleep(changePause)
		x.wants(ann, "a who 3 reset +ann:ann: +other3:other3: +zoe:zoe:")
		wantError(x.T, "Show", x.h.Show(zoe, "a", 1), nil)
		time.Sleep(changePause)
		x.wants(ann, "a who 3 ~zoe:zoe:1")
	})
}

// wantsList wants a list of n members.
func (x *people) wantsList(p *peer, head string, n int) {
	x.Helper()
	synctest.Wait()
	if got := p.text(); !strings.HasPrefix(got, head+" ") || strings.Count(got, " +") != n || strings.Count(got, "\n") != 1 {
		x.Errorf("received %q, want %q with %d members", got, head, n)
	}
}

// counting counts what is encoded.
type counting struct {
	lines
	n *atomic.Int32
}

func (c counting) AppendPresence(dst []byte, p *hubwire.Presence) []byte {
	c.n.Add(1)
	return c.lines.AppendPresence(dst, p)
}

// TestObserve_encodedOnce tells a change to many: in each encoding it is written once.
func TestObserve_encodedOnce(t *testing.T) {
	bubble(t, withPresence, func(t *testing.T, h *Hub) {
		var n atomic.Int32
		var peers []*peer
		for i := range 3 * inlineFlush {
			p := newPeer(counting{lines{who: true, mute: i%2 > 0}, &n})
			if _, err := h.Join(p, "a", Observe()); err != nil {
				t.Fatal(err)
			}
			peers = append(peers, p)
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		n.Store(0)
		for _, p := range peers {
			p.text()
			wantError(t, "Show", h.Show(p, "a", 1), nil)
		}
		time.Sleep(2 * changePause)
		synctest.Wait()
		for _, p := range peers {
			if got := strings.Count(p.text(), "~"); got != len(peers) {
				t.Errorf("told of %d, want %d", got, len(peers))
			}
		}
		if got := n.Load(); got != 2 {
			t.Errorf("encoded %d times, want once in each of 2 encodings", got)
		}
	})
}

// TestObserve_nobody collects nothing where nobody observes any more, and has no timer
// where nothing changes.
func TestObserve_nobody(t *testing.T) {
	observing(t, func(x *people) {
		idle := func(when string, views int) {
			x.Helper()
			synctest.Wait()
			r := x.h.lookup("a")
			r.mu.Lock()
			defer r.mu.Unlock()
			if p := r.presence; len(p.before) > 0 || p.armed || len(p.views) != views {
				x.Errorf("%s: %d changes are collected, armed %v, %d views, want %d", when, len(p.before), p.armed, len(p.views), views)
			}
		}
		x.come("bob")
		idle("before", 0)
		ann, also := x.come("ann", Observe()), x.come("also", Observe())
		time.Sleep(changePause)
		idle("when it has been told", 1)
		x.h.Leave(also, "a")
		ann.gone()
		synctest.Wait()
		time.Sleep(changePause)
		x.come("carl")
		idle("after", 0)
	})
}

// TestObserve_besideWatch collects once for both, each told in its way.
func TestObserve_besideWatch(t *testing.T) {
	observing(t, func(x *people) {
		ann := x.come("ann", Observe())
		w := watchRoom(x.T, x.h, "a")
		w.wants(x.T, "reset +ann ~ -")
		x.wants(ann, "a who 1 reset +ann:ann:")
		x.h.Leave(x.come("bob"), "a")
		time.Sleep(changePause)
		x.wants(ann, "a who 1 -bob") // the other is not told: it was never shown him
		x.come("carl")
		w.wants(x.T, "+carl ~ -")
		x.wants(ann, "a who 2 +carl:carl:")
		dora := x.come("dora")
		w.stop()
		time.Sleep(changePause)
		x.wants(ann, "a who 3 +dora:dora:")
		w = watchRoom(x.T, x.h, "a")
		w.wants(x.T, "reset +ann carl dora ~ -")
		x.h.Leave(dora, "a")
		ann.gone()
		w.wants(x.T, "+ ~ -ann dora")
	})
}
