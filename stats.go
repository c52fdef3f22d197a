package geist

// Stats are what an Engine has open at a moment; see [Engine.Stats].
type Stats struct {
	// Conns is the number of connections that Run, Listen and Serve have accepted and that
	// have not ended: idle ones too, and those that are WebSockets or streams now.
	Conns int
	// WebSockets is the number of open WebSockets, those of [Engine.Rooms] included.
	WebSockets int
	// Streams is the number of open streams of events, by Run, Follow or Serve.
	Streams int
}

// Stats returns what is open now, of this engine and of those that are mounted in it; a
// mounted engine itself has nothing open. WebSockets and streams count until everything of
// them has ended, those inside a foreign server too, whose connections are not known. The
// numbers are read one after the other while work goes on. Stats may be called at any time by
// any goroutine. It takes two locks for a moment, whatever is open; requests pay nothing for it.
func (e *Engine) Stats() Stats {
	sockets, streams := e.live.leavers.kinds()
	return Stats{Conns: e.live.conns.len(), WebSockets: sockets, Streams: streams}
}
