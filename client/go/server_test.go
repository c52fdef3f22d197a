package geistclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// server is the other side of a client: it speaks the transports, and leaves what is said to the
// test. It lives in a bubble of synctest, on pipes in memory.
type server struct {
	t       *testing.T
	ln      *pipeListener
	http    *http.Server
	conns   chan *conn
	refuse  func(w http.ResponseWriter, r *http.Request) bool // reports whether it has answered
	mu      sync.Mutex
	streams map[string]*conn // guarded by mu
	number  int              // guarded by mu
	client  *http.Client
}

// conn is a connection as the server has it.
type conn struct {
	t       *testing.T
	in      chan string // frames in JSON
	compact bool
	write   func(p []byte) error
	ping    func() error // of a WebSocket
	end     func(code int)
	cut     func()
	gone    chan struct{} // closed when the connection has ended
	bodies  [][]byte      // of POSTs
	header  http.Header
	url     string
}

// inBubble runs test with a server, in fake time.
func inBubble(t *testing.T, test func(t *testing.T, s *server)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, newServer(t))
	})
}

func newServer(t *testing.T) *server {
	s := &server{t: t, ln: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}, conns: make(chan *conn, 100), streams: map[string]*conn{}}
	s.http = &http.Server{Handler: s}
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.ln.dial}}
	go func() { _ = s.http.Serve(s.ln) }()
	t.Cleanup(s.stop) // behind the cleanups of clients
	return s
}

func (s *server) stop() {
	_ = s.http.Close()
	s.client.CloseIdleConnections()
	time.Sleep(time.Minute) // of the bubble: what sleeps in it ends
}

// dial makes a client, which is closed when the test ends, and returns both sides, behind hello and
// welcome.
func (s *server) dial(conf Config) (*Client, *conn) {
	s.t.Helper()
	if conf.HTTPClient == nil {
		conf.HTTPClient = s.client
	}
	if conf.Session == "" {
		conf.Session, conf.now = "vectors-session-1", epoch
	}
	dialed := make(chan *conn, 1)
	go func() { dialed <- s.welcome() }()
	c, err := Dial(s.t.Context(), "ws://server/rt", conf)
	if err != nil {
		s.t.Fatalf("Dial: %v", err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c, <-dialed
}

// epoch is a clock that lets refs begin at 1.
func epoch() time.Time { return time.UnixMicro(0) }

// next waits for a connection.
func (s *server) next() *conn {
	select {
	case p := <-s.conns:
		return p
	case <-time.After(time.Minute):
		return nil
	}
}

// welcome waits for a connection and its hello.
func (s *server) welcome() *conn {
	s.t.Helper()
	p := s.next()
	if p == nil {
		s.t.Error("no connection within a minute")
		return nil
	}
	p.expect(`["hello",{"session":"vectors-session-1"}]`)
	p.send(`["welcome",{"conn":"c1","author":"` + author("vectors-session-1") + `"}]`)
	return p
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.refuse != nil && s.refuse(w, r):
	case r.Method == http.MethodPost:
		s.post(w, r)
	case strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		s.stream(w, r)
	default:
		s.socket(w, r)
	}
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocolBinary, protocolJSON}})
	if err != nil {
		return
	}
	ws.SetReadLimit(128 << 10)
	kind := websocket.MessageText
	p := &conn{t: s.t, in: make(chan string, 10000), gone: make(chan struct{}), header: r.Header, url: r.URL.String()}
	if ws.Subprotocol() == protocolBinary {
		p.compact, kind = true, websocket.MessageBinary
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.write = func(b []byte) error { return ws.Write(ctx, kind, b) }
	p.ping = func() error { return ws.Ping(ctx) }
	p.end = func(code int) { _ = ws.Close(websocket.StatusCode(code), "") }
	p.cut = func() { _ = ws.CloseNow() }
	s.conns <- p
	defer close(p.gone)
	for {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return
		}
		p.in <- toJSON(b, p.compact)
	}
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	events := make(chan []byte)
	p := &conn{t: s.t, in: make(chan string, 10000), gone: make(chan struct{}), header: r.Header, url: r.URL.String()}
	p.write = func(b []byte) error {
		select {
		case events <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.cut = cancel
	p.end = func(int) { cancel() }
	s.mu.Lock()
	s.number++
	key := fmt.Sprint("key-", s.number)
	s.streams[key] = p
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.streams, key)
		s.mu.Unlock()
		close(p.gone)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprintf(w, ": hello\nretry: 3000\n\ndata: [\"stream\",%q]\n\n", key)
	_ = http.NewResponseController(w).Flush()
	s.conns <- p
	for {
		select {
		case b := <-events:
			_, _ = fmt.Fprintf(w, "id: x\ndata: %s\n\n", b)
			_ = http.NewResponseController(w).Flush()
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		}
	}
}

func (s *server) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p := s.streams[r.Header.Get("Geist-Stream")]
	s.mu.Unlock()
	if p == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if len(body) > 128<<10 {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var frames []json.RawMessage
	if err := json.Unmarshal(body, &frames); err != nil || r.Header.Get("Content-Type") != "application/json" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.bodies = append(p.bodies, body)
	for _, f := range frames {
		p.in <- string(f)
	}
	w.WriteHeader(http.StatusAccepted)
}

// send sends a frame, given in JSON. That the connection has ended is no matter here.
func (p *conn) send(frame string) { _ = p.write(fromJSON(frame, p.compact)) }

// sendf is send with a format.
func (p *conn) sendf(format string, args ...any) { p.send(fmt.Sprintf(format, args...)) }

// receive waits for a frame.
func (p *conn) receive() (string, bool) {
	select {
	case f := <-p.in:
		return f, true
	case <-time.After(time.Minute):
		return "", false
	}
}

// expect waits for a frame and compares it.
func (p *conn) expect(want string) {
	p.t.Helper()
	got, ok := p.receive()
	if !ok {
		p.t.Errorf("got no frame, want %s", want)
		return
	}
	if !sameFrame(got, want) {
		p.t.Errorf("got frame %s\nwant      %s", got, want)
	}
}

// quiet asserts that no frame waits.
func (p *conn) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case f := <-p.in:
		p.t.Errorf("got frame %s, want none", f)
	default:
	}
}

// sameFrame compares frames: elements at the end that are null are as good as missing.
func sameFrame(a, b string) bool { return reflect.DeepEqual(elements(a), elements(b)) }

func elements(frame string) []any {
	var list []any
	d := json.NewDecoder(strings.NewReader(frame))
	d.UseNumber()
	if err := d.Decode(&list); err != nil {
		return []any{err.Error(), frame}
	}
	for len(list) > 0 && list[len(list)-1] == nil {
		list = list[:len(list)-1]
	}
	return list
}

// toJSON turns a client's frame of either encoding into JSON.
func toJSON(b []byte, compact bool) string {
	if !compact {
		return string(b)
	}
	if b[0] == binaryOther {
		return string(b[1:])
	}
	r := reader{rest: b[1:]}
	ref, room := r.uvarint(), r.str()
	flags := r.rest[0]
	r.rest = r.rest[1:]
	options := map[string]any{}
	if event := r.str(); event != "" {
		options["event"] = event
	}
	if flags&flagSince != 0 {
		epoch := r.str()
		options["since"] = []any{epoch, r.uvarint()}
	}
	if flags&flagNoLog != 0 {
		options["log"] = false
	}
	if flags&flagNoEcho != 0 {
		options["echo"] = false
	}
	var data any = json.RawMessage(r.rest)
	switch b[0] {
	case binaryText:
		options["as"], data = "text", string(r.rest)
	case binaryBytes:
		options["as"], data = "base64", base64.StdEncoding.EncodeToString(r.rest)
	}
	if len(options) == 0 {
		return string(array("pub", ref, room, data))
	}
	return string(array("pub", ref, room, data, options))
}

// fromJSON turns a server's frame into an encoding.
func fromJSON(frame string, compact bool) []byte {
	if !compact {
		return []byte(frame)
	}
	f, err := parseJSON([]byte(frame))
	kind := slices.Index(kindNames[:], f.name)
	if err != nil || kind < 0 {
		return append([]byte{binaryOther}, frame...)
	}
	m, err := f.received()
	if err != nil {
		return append([]byte{binaryOther}, frame...)
	}
	b := appendString([]byte{binaryJSON + byte(kind)}, m.Room)
	b = binary.AppendUvarint(b, m.Position.Offset)
	b = appendString(appendString(b, m.ID), m.Event)
	return append(b, m.Data...)
}

// pipeListener accepts pipes in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	wrap   func(net.Conn) net.Conn // what the server has of each connection
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	served := far
	if l.wrap != nil {
		served = l.wrap(far)
	}
	select {
	case l.conns <- served:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// decode reads JSON that a test has written.
func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
