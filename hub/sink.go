package hub

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// maxEarly is how many packets wait while a room learns its history.
const maxEarly = 1024

// errNoReplay is what a backplane gives that keeps too little of its word.
var errNoReplay = errors.New("hub: a backplane with Caps.Ordered has no Replay")

// sink is the Hub as its Backplane sees it.
type sink Hub

// Deliver hands a packet to those on this node that it is for.
func (k *sink) Deliver(p *Packet) {
	h := (*Hub)(k)
	if p.Node == h.node && !(h.ordered() && p.To == ToRoom) {
		return // its own
	}
	if p.To == ToRoom && strings.HasPrefix(p.Name, presencePrefix) {
		if !h.deliverPresence(p) {
			h.count(&h.total.refused, 1)
		}
		return
	}
	if h.obey(p) {
		return
	}
	if p.To > ToUser || h.checkMessage(&p.Message) != nil {
		h.count(&h.total.refused, 1)
		return
	}
	switch p.To {
	case ToRoom:
		if r := h.lookup(p.Name); r != nil {
			r.deliver(p)
		}
	case ToAll:
		h.all.publish(&post{msg: p.Message, except: p.Except})
	case ToConn:
		_ = h.sendNear(h.conn(p.Conn), &p.Message) // it is on another node
	case ToUser:
		_ = h.sendUserNear(p.Name, &p.Message) // likewise
	}
}

// Lost tells the clients of rooms, or of all, that they may have missed something. If the
// backplane gives positions, what is missing shows by them.
func (k *sink) Lost(rooms ...string) {
	h := (*Hub)(k)
	if h.ordered() {
		return
	}
	for _, name := range rooms {
		if r := h.lookup(name); r != nil {
			r.lose()
		}
	}
	if len(rooms) > 0 {
		return
	}
	for i := range h.rooms {
		for _, r := range h.rooms[i].all() {
			r.lose()
		}
	}
}

// lose begins a new epoch: nobody can resume from before it, and all are told.
func (r *room) lose() {
	r.mu.Lock()
	r.cutLocked(Pos{Epoch: newEpoch()})
	r.remeetLocked()
	chunks, n := r.members.chunks, r.members.n
	r.mu.Unlock()
	r.hub.count(&r.hub.total.lost, 1)
	r.hub.flush.wake(chunks, n)
}

// deliver adds a packet of another node, or of any if the backplane orders them.
func (r *room) deliver(p *Packet) {
	switch {
	case !r.hub.ordered():
		r.publish(&post{msg: p.Message, except: p.Except, noLog: p.NoLog})
	case p.Pos.Epoch == 0 || p.Pos.Offset == 0: // no backplane can have given that
		r.hub.count(&r.hub.total.refused, 1)
	case !r.hold(p):
		r.admit(p)
	}
}

// hold keeps a packet for catchUp if the room is learning its history.
func (r *room) hold(p *Packet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.priming {
		return false
	}
	if len(r.early) == maxEarly {
		r.early = slices.Delete(r.early, 0, 1) // a hole, which will be seen
	}
	r.early = append(r.early, p.clone())
	return true
}

// admit adds a packet of an ordered backplane where it belongs. Packets of one room come
// one at a time, so that nothing changes between the look at its position and the rest.
func (r *room) admit(p *Packet) {
	r.mu.Lock()
	fits := r.fitsLocked(p.Pos)
	r.mu.Unlock()
	if fits {
		r.publish(&post{msg: p.Message, except: p.Except, noLog: p.NoLog, pos: p.Pos})
	}
}

// fitsLocked reports whether pos is new. If something is missing before it, those who are
// in the room will be told.
func (r *room) fitsLocked(pos Pos) bool {
	same := pos.Epoch == r.head.Epoch
	switch {
	case same && pos.Offset <= r.head.Offset:
		r.hub.count(&r.hub.total.duplicates, 1)
		return false
	case !same || pos.Offset != r.head.Offset+1:
		r.hub.count(&r.hub.total.lost, 1)
		r.cutLocked(Pos{Epoch: pos.Epoch, Offset: pos.Offset - 1})
	}
	return true
}

// prime gives a room the history that the backplane has, so that clients resume here
// from what they have received elsewhere. Packets that come meanwhile wait.
func (h *Hub) prime(ctx context.Context, r *room) error {
	packets, head, err := h.replay(ctx, r.name, r.conf.KeepMessages)
	if err != nil {
		return err
	}
	r.mu.Lock()
	begin := head
	if len(packets) > 0 {
		begin = packets[0].Pos
		begin.Offset--
	}
	r.cutLocked(begin)
	for i := range packets {
		p := &packets[i]
		r.appendLocked(&post{msg: p.Message, except: p.Except, noLog: p.NoLog, pos: p.Pos})
	}
	r.head = head
	r.mu.Unlock()
	r.catchUp()
	return nil
}

// catchUp adds what came while the room learned its history, until nothing is left.
func (r *room) catchUp() {
	for {
		r.mu.Lock()
		early := r.early
		r.early = nil
		if len(early) == 0 {
			r.priming = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		for i := range early {
			r.admit(&early[i])
		}
	}
}
