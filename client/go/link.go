package geistclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// grace is how long the server has to say something when it is asked whether it is there.
const grace = 10 * time.Second

// goodbye is how long the server has to close the connection after its bye or the client's.
const goodbye = time.Second

// strayFor is how long a hello may be under way that was sent over a connection that has broken since.
const strayFor = 2 * time.Minute

var (
	errSilent = errors.New("geistclient: the server is silent")
	errBye    = errors.New("geistclient: the server has said goodbye and not closed the connection")
)

// link is one connection of a client, from dial to its end. Its reader, its writer and its watch end
// with it.
type link struct {
	client    *Client
	transport transport
	ctx       context.Context // ends with the connection, before done is closed
	stop      context.CancelCauseFunc
	welcomed  chan struct{} // closed by the server's welcome
	done      chan struct{} // closed when all goroutines have ended
	wake      chan struct{} // holds one element while there is something to write
	end       error         // of the reader; set when done is closed
	renewing  chan struct{} // the reader's: closed when renew has ended; nil without
	born      time.Time
	heardAt   atomic.Int64 // nanoseconds after born

	// What follows is guarded by client.mu.
	out       [][]byte            // frames to write
	queue     []*command          // to be sent when the window allows
	sent      map[uint64]*command // and not answered yet
	window    int                 // how many may be in sent
	held      bool                // nothing is sent: the server has had too much
	until     time.Time           // while held
	release   *time.Timer         // ends that
	open      bool                // welcomed
	bye       *bye                // the server's last frame
	complaint *Error              // an error that is the answer to no command
}

// bye is what the server says when it ends a connection.
type bye struct {
	code  string
	retry time.Duration
	timed bool // retry was given
}

// newLink starts a connection and says hello.
func (c *Client) newLink(ctx context.Context, dial dialer, token string) (*link, error) {
	l := &link{
		client: c, born: time.Now(), window: maxWindow, sent: map[uint64]*command{},
		welcomed: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	t, err := dial(ctx, l.heard)
	if err != nil {
		return nil, err
	}
	l.transport = t
	l.ctx, l.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	hello := map[string]string{"session": c.conf.Session}
	if token != "" {
		hello["token"] = token
	}
	c.mu.Lock()
	l.sendLocked(encode(t.compact(), "hello", hello))
	c.mu.Unlock()
	writing, watching := make(chan struct{}), make(chan struct{})
	go l.write(writing)
	go l.watch(watching)
	go func() { // the reader: it ends with the connection, and ends the others
		l.end = l.read()
		l.stop(l.end)
		l.transport.abort()
		<-writing
		<-watching
		if l.renewing != nil {
			<-l.renewing
		}
		close(l.done)
	}()
	return l, nil
}

// heard notes that the server is there.
func (l *link) heard() { l.heardAt.Store(int64(time.Since(l.born))) }

// sendLocked lets the writer send a frame. client.mu must be held.
func (l *link) sendLocked(p []byte) {
	l.out = append(l.out, p)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// read handles frames until the connection ends, and returns why.
func (l *link) read() error {
	for {
		p, err := l.transport.read(l.ctx)
		if err != nil {
			return err
		}
		l.heard()
		f, err := parseFrame(p, l.transport.compact())
		if err == nil {
			err = l.client.handle(l, f)
		}
		if err != nil {
			return err
		}
	}
}

// write sends what there is to send. It ends with the connection, and ends it if it cannot send.
func (l *link) write(done chan<- struct{}) {
	defer close(done)
	for {
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			return
		}
		l.client.mu.Lock()
		frames := l.out
		l.out = nil
		l.client.mu.Unlock()
		ctx, cancel := context.WithTimeout(l.ctx, writeTimeout)
		err := l.transport.write(ctx, frames)
		cancel()
		if err != nil {
			l.stop(err)
			return
		}
	}
}

// watch asks a silent server whether it is there, and ends the connection if it is not. It ends
// with the connection.
func (l *link) watch(done chan<- struct{}) {
	defer close(done)
	limit := l.client.conf.Watchdog
	if limit < 0 {
		return
	}
	asked := false
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.ctx.Done():
			return
		}
		silent := time.Since(l.born) - time.Duration(l.heardAt.Load())
		switch {
		case silent < limit:
			asked = false
			t.Reset(limit - silent)
		case asked:
			l.stop(errSilent)
			return
		default:
			asked = true
			l.client.ping(l)
			t.Reset(grace)
		}
	}
}

// holdLocked sends nothing for a while, and then d, and what else waits one by one. client.mu must be held.
func (l *link) holdLocked(wait time.Duration, d *command) {
	l.queue = append([]*command{d}, l.queue...)
	l.window = 1
	until := time.Now().Add(wait)
	if l.held && !until.After(l.until) {
		return
	}
	l.held, l.until = true, until
	if l.release != nil {
		l.release.Stop()
	}
	l.release = time.AfterFunc(wait, l.goOn) // stopped when the connection has ended
}

// goOn sends what was held.
func (l *link) goOn() {
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l && !time.Now().Before(l.until) {
		l.held = false
		c.pumpLocked()
	}
}

// byeLocked notes the server's last frame, and waits for the end of the connection, which says more,
// but not for long. client.mu must be held.
func (l *link) byeLocked(b *bye) {
	if l.bye == nil {
		l.bye = b
		time.AfterFunc(goodbye, func() { l.stop(errBye) }) // of no effect if the connection has ended
	}
}

// close says goodbye and waits for the end.
func (l *link) close() {
	t := time.AfterFunc(goodbye, func() { l.stop(ErrClosed) })
	l.transport.close()
	t.Stop()
	l.stop(ErrClosed)
	<-l.done
}

// ending is how a connection has ended, and what comes next.
type ending struct {
	err   error
	fatal bool          // the client ends, too
	wait  time.Duration // before the next attempt, if timed
	timed bool
}

// endingLocked says what the end of l means. client.mu must be held, and l be done.
func (l *link) endingLocked() ending {
	err := context.Cause(l.ctx)
	code := closeCodes[websocket.CloseStatus(l.end)]
	if l.bye != nil {
		code = l.bye.code
	}
	if code == "" {
		return ending{err: err}
	}
	e := &Error{Code: code}
	if l.complaint != nil {
		e.Text = l.complaint.Text
	}
	end := ending{err: e}
	if l.bye != nil {
		end.wait, end.timed, e.Retry = l.bye.retry, l.bye.timed, l.bye.retry
	}
	switch code {
	case codeBadFrame, codeDenied, codeVersion:
		end.fatal = true
	case codeReplaced:
		// The server may have come to a hello of our own only now that it got over a connection
		// that was broken before its welcome.
		stray := l.client.stray
		end.fatal = stray.IsZero() || time.Since(stray) > strayFor
	case codeExpired, codeUnauthorized:
		end.fatal = l.client.conf.Token == nil // there is no other to be had
	}
	return end
}

// closeCodes are the codes of byes that were lost, by what WebSockets were closed with.
var closeCodes = map[websocket.StatusCode]string{
	1001: "draining",
	1013: "lagging",
	4400: codeBadFrame,
	4401: codeUnauthorized,
	4403: codeDenied,
	4406: codeVersion,
	4408: "hello_first",
	4409: codeReplaced,
	4429: codeRate,
}

// tooLong reports whether the server has ended the connection because of a frame that is longer than
// it takes.
func (l *link) tooLong() bool {
	var status *StatusError
	posted := errors.As(context.Cause(l.ctx), &status) && status.Status == http.StatusRequestEntityTooLarge
	return posted || websocket.CloseStatus(l.end) == websocket.StatusMessageTooBig
}
