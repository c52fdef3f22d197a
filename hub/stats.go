package hub

import "sync/atomic"

// Stats are what a Hub has counted since New, and how much of everything there is now.
type Stats struct {
	Conns       int   // connections that are attached
	Users       int   // users whom these belong to, by As
	Rooms       int   // rooms that exist
	HistoryKept int64 // bytes of messages that are kept for those who resume

	Published uint64 // messages that went into a room on this node, from whatever node
	Delivered uint64 // messages that were handed to connections, whatever the room
	Bytes     uint64 // what they had on the wire
	Batches   uint64 // units of writing: Delivered by Batches is what batching saves

	Resumed    uint64 // joins with a position that got all they had missed
	NotResumed uint64 // joins with a position that could not
	Gaps       uint64 // gaps that were told
	Dropped    uint64 // messages that SkipToHead and DropOldest left out, each told in a gap

	Disconnected uint64 // connections that were closed because they lagged, or could not be told a gap
	HistoryFull  uint64 // messages that were not kept because of Config.MaxHistory
	Refused      uint64 // packets of the backplane that no Hub with these limits would have sent
	Duplicates   uint64 // messages that the backplane delivered twice, and that were left out
	Lost         uint64 // times that the backplane lost messages of a room, each told in gaps
}

// totals are the counters of a Hub that change rarely enough to be in one place.
type totals struct {
	published, resumed, notResumed, gaps, dropped        atomic.Uint64
	disconnected, historyFull, refused, duplicates, lost atomic.Uint64
}

func (h *Hub) count(counter *atomic.Uint64, n uint64) { counter.Add(n) }

// handedOut counts what a connection was given.
func (h *Hub) handedOut(c *Conn, entries, bytes int) {
	p := h.stripeOf(c.id)
	p.delivered.Add(uint64(entries))
	p.bytes.Add(uint64(bytes))
	p.batches.Add(1)
}

// Stats returns the counters. They are read one after the other while work goes on.
func (h *Hub) Stats() Stats {
	s := Stats{
		Conns: int(h.connN.Load()), Users: h.usersHere(), Rooms: int(h.roomN.Load()), HistoryKept: h.kept.Load(),
		Published: h.total.published.Load(), Resumed: h.total.resumed.Load(), NotResumed: h.total.notResumed.Load(),
		Gaps: h.total.gaps.Load(), Dropped: h.total.dropped.Load(), Disconnected: h.total.disconnected.Load(),
		HistoryFull: h.total.historyFull.Load(), Refused: h.total.refused.Load(), Duplicates: h.total.duplicates.Load(), Lost: h.total.lost.Load(),
	}
	for i := range h.conns {
		p := &h.conns[i]
		s.Delivered += p.delivered.Load()
		s.Bytes += p.bytes.Load()
		s.Batches += p.batches.Load()
	}
	return s
}
