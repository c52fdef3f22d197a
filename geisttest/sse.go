package geisttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/eventstream"
)

// maxEvent bounds an event that EventStream reads.
const maxEvent = 16 << 20

// EventStream is a stream of Server-Sent Events, as a client reads it. It is for one goroutine, but
// Close may be called by any.
type EventStream struct {
	tb    testing.TB
	req   *Request
	resp  *Response
	conn  *conn
	items chan eventstream.Item // unbuffered: who is not asked for events does not read them either
	err   error                 // why items was closed
	quit  context.CancelFunc    // ends the goroutine

	lastID string
	retry  time.Duration
}

// Event is an event that a stream has sent. Its methods assert and return it, so that calls chain.
type Event struct {
	// ID is the id of the event, or the last one before it.
	ID string
	// Name is the event's type: "message" if none was sent.
	Name string
	// Data is the text, with LF between its lines.
	Data string

	tb   testing.TB
	what string
}

// SSE opens a stream of Server-Sent Events, as an EventSource does, and asserts that it opens. To send
// header fields with it, or to come back with Last-Event-ID, use [Request.SSE]; to see it refused,
// [Request.Do]. The stream is closed at the end of the test if not before.
func (c *Client) SSE(path string) *EventStream {
	c.tb.Helper()
	return c.GET(path).SSE()
}

// SSE sends the request and returns the stream that answers it. Another answer than 200 with the type
// text/event-stream ends the test.
//
//	t.GET("/feed").Header("Last-Event-ID", "7").SSE()
func (r *Request) SSE() *EventStream {
	tb := r.client.tb
	tb.Helper()
	e, err := r.openEvents()
	if err != nil {
		tb.Fatalf("geisttest: %s: %v", r, err)
	}
	if t, _, _ := mime.ParseMediaType(e.resp.Header("Content-Type")); e.resp.StatusCode != http.StatusOK || t != "text/event-stream" {
		e.Close()
		tb.Fatalf("%s: status %d and Content-Type %q, want 200 and text/event-stream; Do shows the answer", r, e.resp.StatusCode, e.resp.Header("Content-Type"))
	}
	tb.Cleanup(e.Close)
	r.checkExchange(e.resp, true)
	return e
}

// openEvents opens a connection, sends the request and begins to read events.
func (r *Request) openEvents() (*EventStream, error) {
	r = r.accepting("text/event-stream")
	c, resp, body, err := r.open()
	if err != nil {
		return nil, err
	}
	s := r.client.session
	quit, end := context.WithCancel(r.ctx)
	e := &EventStream{tb: r.client.tb, req: r, resp: resp, conn: c, items: make(chan eventstream.Item), quit: end}
	context.AfterFunc(quit, func() { s.drop(c) })
	s.bodies.Go(func() { e.read(quit, body) })
	return e, nil
}

// open sends the request over a connection of its own, and reads the header of the
// answer.
func (r *Request) open() (*conn, *Response, io.Reader, error) {
	if err := r.check(); err != nil {
		return nil, nil, nil, err
	}
	s := r.client.session
	ctx, cancel := s.withTimeout(r.ctx)
	defer cancel()
	c, err := s.dial(ctx, r.remote)
	if err != nil {
		return nil, nil, nil, s.explain(ctx, r, err, "")
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	resp, body, err := c.openResponse(r.method, r.head(s.cookies(r)))
	if !stop() || err != nil {
		s.drop(c)
		return nil, nil, nil, s.explain(ctx, r, err, handlerStacks())
	}
	s.keepCookies(r, resp)
	resp.tb, resp.what = r.client.tb, r.String()
	return c, resp, body, nil
}

// accepting returns r with an Accept field, if it has none.
func (r *Request) accepting(mediaType string) *Request {
	if r.has("Accept") {
		return r
	}
	return r.clone().Header("Accept", mediaType)
}

// openResponse sends a request without a body and reads the answer up to its body.
func (c *conn) openResponse(method string, head []byte) (*Response, io.Reader, error) {
	if _, err := c.Write(head); err != nil {
		return nil, nil, err
	}
	head, header, err := c.peekHead()
	if err != nil {
		return nil, nil, err
	}
	raw, err := http.ReadResponse(c.br, &http.Request{Method: method}) //nolint:bodyclose // the connection is closed in its place
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer's header: %w", err)
	}
	raw.Header = header
	return &Response{StatusCode: raw.StatusCode, raw: raw, head: head}, raw.Body, nil
}

// read passes on what comes, and ends with the stream or by quit.
func (e *EventStream) read(quit context.Context, body io.Reader) {
	defer close(e.items)
	d := eventstream.NewDecoder(body, maxEvent)
	for {
		item, err := d.Next()
		if err != nil {
			e.err = err
			return
		}
		select {
		case e.items <- item:
		case <-quit.Done():
			e.err = context.Cause(quit)
			return
		}
	}
}

// Response returns the header of the answer, to assert it. It has no body.
func (e *EventStream) Response() *Response { return e.resp }

// LastEventID returns the id that a client would come back with: that of the last event, or one
// that was sent behind it. It counts what Next and the others have seen.
func (e *EventStream) LastEventID() string { return e.lastID }

// Retry returns how long the stream has asked to wait before coming back, or 0.
func (e *EventStream) Retry() time.Duration { return e.retry }

// Next returns the next event. If none comes within Config.Timeout, or the stream ends, the test
// fails and ends.
func (e *EventStream) Next() Event {
	e.tb.Helper()
	ev, err := e.NextErr()
	if err != nil {
		e.tb.Fatalf("geisttest: %v", err)
	}
	return ev
}

// NextErr is Next without failing the test. Test the error with errors.Is: [ErrTimeout] when none
// came in time, after which NextErr may be called again; io.EOF when the stream has ended as it should;
// io.ErrUnexpectedEOF when it was cut.
func (e *EventStream) NextErr() (Event, error) {
	for {
		item, err := e.next()
		switch {
		case err != nil:
			return Event{}, fmt.Errorf("%s: the next event: %w", e.req, err)
		case item.Kind == eventstream.Message:
			e.tb.Helper()
			e.req.checkMessage(e.tb, false, item.Name, []byte(item.Data))
			return Event{ID: item.ID, Name: item.Name, Data: item.Data, tb: e.tb, what: e.req.String()}, nil
		}
	}
}

// Comment returns the text of the next comment, such as a heartbeat, whose text is empty. An event
// before it, the end of the stream and Config.Timeout fail the test and end it.
func (e *EventStream) Comment() string {
	e.tb.Helper()
	for {
		item, err := e.next()
		switch {
		case err != nil:
			e.tb.Fatalf("geisttest: %s: the next comment: %v", e.req, err)
		case item.Kind == eventstream.Comment:
			return item.Data
		case item.Kind == eventstream.Message:
			e.tb.Fatalf("geisttest: %s: an event came before the next comment: %s", e.req, show(item))
		}
	}
}

// End asserts that nothing but comments comes before the stream ends as it should, within
// Config.Timeout. Otherwise the test fails and ends.
func (e *EventStream) End() {
	e.tb.Helper()
	switch ev, err := e.NextErr(); {
	case err == nil:
		e.tb.Fatalf("geisttest: %s: got event %q with data %q, want the end of the stream", e.req, ev.Name, ev.Data)
	case !errors.Is(err, io.EOF):
		e.tb.Fatalf("geisttest: %v, want the end of the stream", err)
	}
}

// next returns what comes next in the stream.
func (e *EventStream) next() (eventstream.Item, error) {
	ctx, cancel := e.req.client.session.withTimeout(context.Background())
	defer cancel()
	select {
	case item, ok := <-e.items:
		if !ok {
			return item, e.err
		}
		e.note(item)
		return item, nil
	case <-ctx.Done():
		return eventstream.Item{}, e.req.client.session.explain(ctx, e.req, ctx.Err(), handlerStacks())
	}
}

// note keeps what lasts beyond an item.
func (e *EventStream) note(item eventstream.Item) {
	switch item.Kind {
	case eventstream.Message:
		e.lastID = item.ID
	case eventstream.Retry:
		e.retry = item.Retry
	}
}

// Reconnect closes the stream and opens it again, as an EventSource does after its retry: with
// Last-Event-ID, if an event has had an id. It does not wait.
func (e *EventStream) Reconnect() *EventStream {
	e.tb.Helper()
	e.Close()
	r := e.req.clone()
	r.remove("Last-Event-ID")
	if e.lastID != "" {
		r.Header("Last-Event-ID", e.lastID)
	}
	return r.SSE()
}

// Close leaves: the server sees the client go. It may be called more than once.
func (e *EventStream) Close() { e.quit() }

// Is asserts the name ("message" if the event has none) and the data.
func (v Event) Is(name, data string) Event {
	v.tb.Helper()
	if v.Name != name || v.Data != data {
		v.tb.Errorf("%s: got event %q with data %q, want %q with %q", v.what, v.Name, v.Data, name, data)
	}
	return v
}

// HasID asserts the id.
func (v Event) HasID(want string) Event {
	v.tb.Helper()
	if v.ID != want {
		v.tb.Errorf("%s: id of event %q = %q, want %q", v.what, v.Name, v.ID, want)
	}
	return v
}

// JSON decodes the data into p, a non-nil pointer, and asserts that this succeeds.
func (v Event) JSON(p any) Event {
	v.tb.Helper()
	if err := json.Unmarshal([]byte(v.Data), p); err != nil {
		v.tb.Fatalf("%s: decode the data of event %q into %T: %v; data:\n%s", v.what, v.Name, p, err, v.Data)
	}
	return v
}

func show(item eventstream.Item) string {
	return fmt.Sprintf("%q with data %q and id %q", item.Name, item.Data, item.ID)
}
