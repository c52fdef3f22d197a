package peerwatch

import "time"

// peekAgain is how often a socket is looked at that cannot be waited for: because unread bytes keep
// it readable, or because its read deadline has expired.
const peekAgain = 100 * time.Millisecond

// side is a goroutine that serves one watch, where no epoll does it for all.
type side struct {
	quit chan struct{} // closed by Stop
	done chan struct{} // closed when the goroutine has ended
}

func newSide() *side {
	return &side{quit: make(chan struct{}), done: make(chan struct{})}
}

// follow owns t's side when its connection tells by a channel; it ends with the peer or by Stop.
func (t *Watch) follow(gone <-chan struct{}) {
	defer close(t.side.done)
	select {
	case <-gone:
		t.tellAlone()
	case <-t.side.quit:
	}
}

// peek owns t's side when its connection is a socket; it ends with the peer, when the connection is
// closed on our side, or by Stop.
func (t *Watch) peek() {
	defer close(t.side.done)
	for {
		switch await(t.raw) {
		case left:
			t.tellAlone()
			return
		case closed:
			return
		}
		again := time.NewTimer(peekAgain)
		select {
		case <-again.C:
		case <-t.side.quit:
			again.Stop()
			return
		}
	}
}

// tellAlone tells from a side goroutine.
func (t *Watch) tellAlone() {
	t.w.mu.Lock()
	ok := t.tellLocked(goroutineID())
	t.w.mu.Unlock()
	if ok {
		t.tell()
	}
}

// end stops the goroutine and waits for it. One that waits for a socket is woken by a read deadline
// in the past, which is then cleared.
func (s *side) end(t *Watch) {
	close(s.quit)
	if t.raw == nil {
		<-s.done
		return
	}
	for {
		t.conn.SetReadDeadline(time.Unix(1, 0))
		// Once is enough unless somebody sets another deadline before the goroutine has run.
		again := time.NewTimer(peekAgain)
		select {
		case <-s.done:
			again.Stop()
			t.conn.SetReadDeadline(time.Time{})
			return
		case <-again.C:
		}
	}
}

// verdict is what a look at a socket says; await, in peek_*.go, gives it.
type verdict uint8

const (
	quiet  verdict = iota // nothing to read, the peer is there
	unread                // bytes wait; what comes behind them cannot be seen
	left                  // the peer has closed its side, or the connection has broken
	closed                // the connection was closed on our side, or is no socket
)
