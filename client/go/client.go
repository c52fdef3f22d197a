package geistclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"sync"
	"time"
)

// Client is a connection to a server that is made again when it breaks, until Close or until the server
// ends it for good. All methods may be called by several goroutines.
type Client struct {
	conf    Config
	url     *url.URL
	logger  *slog.Logger
	author  string
	direct  *inbox
	pending chan struct{} // holds an element for each publish that is not acknowledged
	asks    chan struct{} // holds an element for each call of OnAsk
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when run has ended

	mu       sync.Mutex
	state    State            // guarded by mu, like what follows
	err      error            // why the client has ended; nil while it lives
	link     *link            // open, or nil
	ref      uint64           // the last one
	outbox   []*command       // lasting commands without an answer, by ref
	rooms    map[string]*Room // by name
	number   uint64           // of the last room
	identity Identity
	stray    time.Time // when the last connection ended that had said hello and got no welcome
	changes  []change  // of state, for OnState
	telling  bool      // a goroutine tells them
}

// Identity is who the server says that a connection is.
type Identity struct {
	// Conn is the id of the connection; the next one has another.
	Conn string
	// Author begins the IDs of the messages that the client publishes.
	Author string
	// User is who the client is, if the server knows.
	User string
}

// Dial connects to the server at a URL of ws, wss, http or https. It makes one attempt, bounded by ctx
// and Config.ConnectTimeout; what comes later depends on neither. It returns an error of Config or the
// URL, one of the network, a *StatusError if the server refuses the request, an *Error if it refuses
// the client, or the error of Config.Token. The client must be closed in the end.
func Dial(ctx context.Context, url string, conf Config) (*Client, error) {
	c, err := newClient(url, conf)
	if err != nil {
		return nil, err
	}
	c.setState(Connecting, nil)
	l, err := c.connect(ctx)
	if err != nil {
		c.finish(err)
		return nil, err
	}
	go c.run(l)
	return c, nil
}

func newClient(url string, conf Config) (*Client, error) {
	given := conf.Session != ""
	conf, err := conf.resolve()
	if err != nil {
		return nil, err
	}
	u, err := address(url)
	if err != nil {
		return nil, err
	}
	c := &Client{
		conf: conf, url: u, logger: conf.Logger, author: author(conf.Session),
		direct:  newInbox(conf.Buffer, true),
		pending: make(chan struct{}, conf.MaxPending), asks: make(chan struct{}, maxAsks),
		done: make(chan struct{}), rooms: map[string]*Room{},
	}
	if given {
		c.ref = uint64(max(conf.now().UnixMicro(), 0)) // a process that had the session before did not come so far
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c, nil
}

// author returns the author of a session.
func author(session string) string {
	sum := sha256.Sum256([]byte(session))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:10]
}

// Identity returns who the server says that the client is. While there is no connection it is that of the
// last one.
func (c *Client) Identity() Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// Call asks the application on the server. data is JSON, nil is null; so is the result. While there is
// no connection it waits for one. It returns the *Error of the application or the server, the error of
// ctx, ErrMessage, or ErrClosed; with ErrUnknownOutcome beside it if the connection broke, or ctx
// ended, before the answer came.
func (c *Client) Call(ctx context.Context, name string, data []byte) ([]byte, error) {
	arg, err := rawJSON(data)
	if err != nil {
		return nil, err
	}
	d := command{kind: kindCall, name: name}
	if arg != nil {
		d.arg = arg
	}
	result, err := c.do(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	return result, nil
}

// rawJSON checks data that is to be sent as it is.
func rawJSON(data []byte) (json.RawMessage, error) {
	if data != nil && !json.Valid(data) {
		return nil, fmt.Errorf("%w: the data is no JSON", ErrMessage)
	}
	return data, nil
}

// Publish is Room.Publish for a room that the client need not be in. Unless it is, and the connection
// breaks before the server's answer, ErrUnknownOutcome comes sooner: when the room's history does not
// reach back to its beginning.
func (c *Client) Publish(ctx context.Context, room string, m Message) (Position, error) {
	c.mu.Lock()
	r := c.rooms[room]
	if r != nil && !r.wasJoinedLocked() {
		r = nil // it stands nowhere yet
	}
	c.mu.Unlock()
	return c.publish(ctx, room, r, m)
}

// publish publishes; r is nil if the client does not stand in the room.
func (c *Client) publish(ctx context.Context, name string, r *Room, m Message) (pos Position, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("publish to %s: %w", name, err)
		}
	}()
	if err := m.check(); err != nil {
		return Position{}, err
	}
	select {
	case c.pending <- struct{}{}:
	case <-ctx.Done():
		return Position{}, ctx.Err()
	case <-c.done:
		return Position{}, c.failure()
	}
	defer func() { <-c.pending }()
	m.Data = bytes.Clone(m.Data) // it may have to be sent again when the caller is gone
	result, err := c.do(ctx, command{kind: kindPub, room: r, name: name, msg: m})
	if err != nil {
		return Position{}, err
	}
	if json.Unmarshal(result, &pos) != nil {
		return Position{}, errFrame
	}
	return pos, nil
}

// Receive waits for a message to the connection, the user or everybody. Such messages are not resumed:
// what is sent while there is no connection is lost. If more wait than Config.Buffer allows, a Gap
// stands for those that were too many. The error is that of ctx, or ErrClosed.
func (c *Client) Receive(ctx context.Context) (Message, error) {
	m, _, err := c.direct.receive(ctx)
	return m, err
}

// Messages is Receive in a loop, which ends with the first error.
func (c *Client) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return each(ctx, c.Receive)
}

func each(ctx context.Context, receive func(context.Context) (Message, error)) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the connection, and everything that waits with ErrClosed; what was published and not
// acknowledged has ErrUnknownOutcome beside it. It waits for the server to say goodbye, for a second at
// most. The error is nil.
func (c *Client) Close() error {
	c.cancel(ErrClosed)
	<-c.done
	return nil
}

// failure returns why the client has ended, or nil.
func (c *Client) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// finish ends the client for good.
func (c *Client) finish(err error) {
	c.mu.Lock()
	c.err = err
	if !errors.Is(err, ErrClosed) {
		c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	for len(c.outbox) > 0 {
		d := c.outbox[0]
		e := c.err
		if d.first != nil {
			e = unknown(e)
		}
		c.endLocked(d, nil, e)
	}
	for _, r := range c.rooms {
		r.endLocked(c.err)
	}
	c.mu.Unlock()
	c.direct.close(c.err)
	c.cancel(c.err)
	c.setState(Closed, err)
	close(c.done)
}
