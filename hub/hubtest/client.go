// Package hubtest helps to test what uses a hub, without a server: a Client is a
// connection that a test reads. And it tests backplanes: Run is what each must pass.
package hubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

// ErrClosed is what Client.Next returns when the connection has ended and everything
// has been read.
var ErrClosed = errors.New("hubtest: closed")

// errGone ends a connection from the client's side.
var errGone = errors.New("hubtest: the client has gone")

// Delivery is what a Client receives: a message, or a gap.
type Delivery struct {
	// Room is empty for what was sent to a connection, a user or all.
	Room string
	// Pos is the position of the message, or that behind which it goes on after a gap.
	Pos hub.Pos
	// Gap says that messages are missing.
	Gap bool
	// From is the position before a gap, or zero if it is unknown.
	From hub.Pos
	// Message is what was published, unless there is a gap.
	hub.Message
}

// Client is a connection that takes everything at once and can tell gaps. Its methods
// may be called by many goroutines.
type Client struct {
	conn *hub.Conn
	out  *outlet.Outlet

	mu     sync.Mutex
	queue  []Delivery    // guarded by mu
	ended  bool          // guarded by mu
	change chan struct{} // guarded by mu; closed when either changes
}

// NewClient returns a connection for a hub. Close ends it; so does the hub.
func NewClient() *Client {
	c := &Client{change: make(chan struct{})}
	c.out = outlet.New((*socket)(c))
	c.conn = hub.NewConn(hub.NewConnID(), c.out, encoding{}, func(hubwire.CloseReason) { c.out.Finish(nil) })
	return c
}

// HubConn makes it a hub.Subscriber.
func (c *Client) HubConn() *hub.Conn { return c.conn }

// ID returns the id of the connection.
func (c *Client) ID() hub.ConnID { return c.conn.ID() }

// Close ends the connection, as a client does that vanishes.
func (c *Client) Close() { c.out.Cut(errGone) }

// Next returns what has been received next. It waits for it until ctx ends; then the
// error is that of ctx. When the connection has ended it is ErrClosed.
func (c *Client) Next(ctx context.Context) (Delivery, error) {
	for {
		c.mu.Lock()
		if len(c.queue) > 0 {
			d := c.queue[0]
			c.queue = c.queue[1:]
			c.mu.Unlock()
			return d, nil
		}
		ended, change := c.ended, c.change
		c.mu.Unlock()
		if ended {
			return Delivery{}, ErrClosed
		}
		select {
		case <-change:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

// Received returns what has been received and not been read, without waiting.
func (c *Client) Received() []Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.queue
	c.queue = nil
	return all
}

// changedLocked wakes those who wait. c.mu must be held.
func (c *Client) changedLocked() {
	close(c.change)
	c.change = make(chan struct{})
}

// socket is the Client as its Outlet sees it.
type socket Client

// TryWrite takes everything. Units are lines of JSON, and always whole.
func (s *socket) TryWrite(p []byte) (int, error) {
	c := (*Client)(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.Lines(p) {
		var d Delivery
		if err := json.Unmarshal(line, &d); err != nil {
			return 0, err
		}
		c.queue = append(c.queue, d)
	}
	c.changedLocked()
	return len(p), nil
}

// Write does what TryWrite does.
func (s *socket) Write(p []byte) error {
	_, err := s.TryWrite(p)
	return err
}

// Cut has nothing to cut.
func (s *socket) Cut() {}

// Ended tells the hub.
func (s *socket) Ended(error) {
	c := (*Client)(s)
	c.mu.Lock()
	c.ended = true
	c.changedLocked()
	c.mu.Unlock()
	c.conn.Ended(hubwire.Key{})
}

// encoding writes a Delivery as a line of JSON.
type encoding struct{}

func (encoding) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	d := Delivery{Room: e.Room, Message: hub.Message{Event: e.Event, Data: e.Data, Binary: e.Binary, ID: e.ID}}
	if e.Epoch != 0 {
		d.Pos = hub.Pos{Epoch: e.Epoch, Offset: e.Offset}
	}
	return appendLine(dst, d)
}

func (encoding) AppendGap(dst []byte, g *hubwire.Gap) []byte {
	return appendLine(dst, Delivery{
		Room: g.Room, Gap: true,
		Pos:  hub.Pos{Epoch: g.Epoch, Offset: g.Offset},
		From: hub.Pos{Epoch: g.FromEpoch, Offset: g.FromOffset},
	})
}

func (encoding) AppendPositions(dst []byte, _ []hubwire.Place) []byte { return dst }

func (encoding) AppendPresence(dst []byte, _ *hubwire.Presence) []byte { return dst }

func (encoding) Traits() hubwire.Traits { return hubwire.Traits{Gaps: true} }

func appendLine(dst []byte, d Delivery) []byte {
	line, err := json.Marshal(d)
	if err != nil {
		return dst // cannot be: every field can be marshalled
	}
	return append(append(dst, line...), '\n')
}
