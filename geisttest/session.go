package geisttest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/memconn"
)

// Errors of DoErr; test for them with errors.Is.
var (
	// ErrNoAnswer: the server closed the connection without a byte of an answer.
	ErrNoAnswer = errors.New("the server closed the connection without an answer")

	// ErrTimeout: Config.Timeout passed.
	ErrTimeout = errors.New("no complete answer in time")
)

// session is what the clients of one New share: the served engine and the connections to it.
type session struct {
	app    *geist.Engine
	cfg    Config
	jar    http.CookieJar // nil without Config.Jar
	ln     *memconn.Listener
	tls    *tls.Config // nil without Config.TLS
	served chan error  // what Engine.Serve returned
	bubble bool        // of testing/synctest: see bubble.go
	bodies sync.WaitGroup

	mu    sync.Mutex
	idle  map[string][]*conn // guarded by mu; by remote address, the latest last
	conns map[*conn]struct{} // guarded by mu; all that are open
	port  int                // guarded by mu; of the next connection whose address names none
	ended bool               // guarded by mu
}

// conn is the client's end of a connection. Between two requests it is in session.idle.
type conn struct {
	net.Conn // the TLS layer, or raw
	raw      *memconn.Conn
	br       *bufio.Reader
}

// serverAddr returns the address that in-memory engines listen at.
func serverAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 80} }

// newSession serves app and returns once it accepts connections.
func newSession(app *geist.Engine, cfg Config) (*session, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Host == "" {
		cfg.Host = DefaultHost
	}
	if cfg.RemoteAddr == "" {
		cfg.RemoteAddr = DefaultRemoteAddr
	}
	if _, err := parseAddr(cfg.RemoteAddr); err != nil {
		return nil, fmt.Errorf("Config.RemoteAddr: %w", err)
	}
	bubble := inBubble()
	if bubble {
		app.Server().NoDefaultDate = true
		app.Server().MaxIdleWorkerDuration = bubblePause
	}
	s := &session{
		bubble: bubble,
		app:    app, cfg: cfg, ln: memconn.Listen(serverAddr()), served: make(chan error, 1),
		idle: map[string][]*conn{}, conns: map[*conn]struct{}{}, port: 1024,
	}
	if cfg.Jar {
		s.jar, _ = cookiejar.New(nil) // it has no error to give
	}
	var ln net.Listener = s.ln
	if cfg.TLS {
		server, client, err := throwawayTLS()
		if err != nil {
			return nil, err
		}
		s.tls, ln = client, tls.NewListener(ln, server)
	}
	go func() { s.served <- app.Serve(ln) }()
	select {
	case <-s.ln.Accepting():
	case err := <-s.served:
		// A server that is shut down refuses connections, as a real one does; see Dial.
		if !errors.Is(err, geist.ErrServerClosed) {
			return nil, fmt.Errorf("serve: %w", err)
		}
		s.served <- nil
	}
	return s, nil
}

// parseAddr reads what Request.RemoteAddr accepts.
func parseAddr(s string) (net.Addr, error) {
	if s == "unix" {
		return &net.UnixAddr{Net: "unix"}, nil
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no IP address, no address with a port and not \"unix\"", s)
	}
	return net.TCPAddrFromAddrPort(ap), nil
}

func (s *session) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.cfg.Timeout, ErrTimeout)
}

// do sends a request and reads its answer.
func (s *session) do(r *Request) (*Response, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ctx, cancel := s.withTimeout(r.ctx)
	defer cancel()
	c, err := s.get(ctx, r.remote)
	if err != nil {
		return nil, s.explain(ctx, r, err, "")
	}
	var stacks string
	leave := func() {
		if errors.Is(context.Cause(ctx), ErrTimeout) {
			stacks = handlerStacks() // before the handlers see the client leave
		}
		_ = c.raw.Close()
	}
	left := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(left); leave() })
	resp, reuse, err := s.exchange(ctx, c, r)
	stayed := stop()
	if !stayed {
		<-left
	}
	if err != nil {
		s.drop(c)
		return resp, s.explain(ctx, r, err, stacks)
	}
	if reuse && stayed {
		s.put(r.remote, c)
	} else {
		s.drop(c)
	}
	return resp, nil
}

// explain replaces the error that a closed connection gives by why it was closed.
func (s *session) explain(ctx context.Context, r *Request, err error, stacks string) error {
	if ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrTimeout) {
		return fmt.Errorf("%w (%s) on %s; handlers that run:\n%s", cause, s.cfg.Timeout, s.route(r), stacks)
	}
	return cause
}

// exchange writes a request and reads the answer, at the same time, since an answer may come
// before the end of a body. It reports whether the connection is good for another request.
func (s *session) exchange(ctx context.Context, c *conn, r *Request) (resp *Response, reuse bool, err error) {
	head := r.head(s.cookies(r))
	wrote := make(chan error, 1)
	s.bodies.Go(func() {
		_, err := c.Write(head)
		if err == nil && r.sends {
			err = r.writeBody(c)
		}
		wrote <- err
		if _, failed := errors.AsType[*bodyError](err); failed {
			_ = c.raw.Close() // behind the error, which whoever reads the answer looks for
		}
	})
	resp, err = c.readResponse(r.method)
	select {
	case e := <-wrote:
		if _, failed := errors.AsType[*bodyError](e); failed {
			return resp, false, e
		}
		wrote <- e
	default:
	}
	if err != nil {
		return resp, false, err
	}
	s.keepCookies(r, resp)
	if resp.raw.Close {
		return resp, false, nil
	}
	select {
	case err = <-wrote:
	case <-c.raw.PeerGone():
		return resp, false, nil
	case <-ctx.Done():
		return resp, false, context.Cause(ctx)
	}
	if n := c.br.Buffered(); n > 0 {
		extra, _ := c.br.Peek(n)
		return resp, false, fmt.Errorf("the server sent %d bytes beyond its answer: %q", n, extra)
	}
	return resp, err == nil, nil
}

// readResponse reads one answer, and the informational ones before it.
func (c *conn) readResponse(method string) (*Response, error) {
	var hints []http.Header
	for {
		head, header, err := c.peekHead()
		if err != nil {
			return nil, err
		}
		raw, err := http.ReadResponse(c.br, &http.Request{Method: method}) //nolint:bodyclose // it is read to its end below
		if err != nil {
			return nil, fmt.Errorf("read the answer's header: %w", err)
		}
		raw.Header = header // net/http takes Connection and Transfer-Encoding out of its own
		if raw.StatusCode < 200 && raw.StatusCode != http.StatusSwitchingProtocols {
			if raw.StatusCode == http.StatusEarlyHints {
				hints = append(hints, raw.Header)
			}
			continue
		}
		body, err := io.ReadAll(raw.Body)
		resp := &Response{StatusCode: raw.StatusCode, raw: raw, head: head, body: body, hints: hints}
		if err != nil {
			return resp, fmt.Errorf("read the body of the answer with status %d: %w", raw.StatusCode, err)
		}
		return resp, nil
	}
}

// maxHead bounds the header of an answer.
const maxHead = 256 << 10

// peekHead returns the status line and the header fields that come next, and the fields parsed.
func (c *conn) peekHead() ([]byte, http.Header, error) {
	seen := 0
	for {
		b, err := c.br.Peek(max(seen+1, c.br.Buffered()))
		if err != nil && len(b) == 0 {
			return nil, nil, fmt.Errorf("%w (%w)", ErrNoAnswer, err)
		}
		if end := bytes.Index(b, []byte("\r\n\r\n")); end >= 0 {
			head := bytes.Clone(b[:end+4])
			r := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
			_, _ = r.ReadLine() // the status line; net/http judges it
			fields, err := r.ReadMIMEHeader()
			if err != nil {
				return nil, nil, fmt.Errorf("read the answer's header %q: %w", head, err)
			}
			return head, http.Header(fields), nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the answer's header %q: %w", b, err)
		}
		seen = len(b)
	}
}

// get returns an idle connection from the address, or a new one.
func (s *session) get(ctx context.Context, from string) (*conn, error) {
	for {
		c := s.takeIdle(from)
		if c == nil {
			return s.dial(ctx, from)
		}
		select {
		case <-c.raw.PeerGone():
			s.drop(c)
		default:
			return c, nil
		}
	}
}

func (s *session) takeIdle(from string) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.idle[from]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	s.idle[from] = list[:len(list)-1]
	return c
}

func (s *session) put(from string, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle[from] = append(s.idle[from], c)
}

// drop closes a connection.
func (s *session) drop(c *conn) {
	_ = c.raw.Close() // below TLS: a close_notify could wait for a server that does not read
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// dial opens a connection from an address, "" meaning that of the configuration.
func (s *session) dial(ctx context.Context, from string) (*conn, error) {
	if from == "" {
		from = s.cfg.RemoteAddr
	}
	addr, err := parseAddr(from)
	if err != nil {
		return nil, err
	}
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Port == 0 {
		tcp.Port = s.nextPort()
	}
	raw, err := s.ln.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, raw: raw}
	if s.tls != nil {
		t := tls.Client(raw, s.tls)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		c.Conn = t
	}
	c.br = bufio.NewReaderSize(c.Conn, maxHead)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	s.conns[c] = struct{}{}
	return c, nil
}

// nextPort returns another port for each connection, as a system's ephemeral ones.
func (s *session) nextPort() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port++; s.port > 65535 {
		s.port = 1025
	}
	return s.port
}

// cookies returns the jar's cookies for a request.
func (s *session) cookies(r *Request) string {
	if s.jar == nil {
		return ""
	}
	var b strings.Builder
	for i, c := range s.jar.Cookies(s.url(r)) {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Name + "=" + c.Value)
	}
	return b.String()
}

func (s *session) keepCookies(r *Request, resp *Response) {
	if s.jar != nil {
		s.jar.SetCookies(s.url(r), resp.raw.Cookies())
	}
}

// url returns a request's URL, as far as cookies need it.
func (s *session) url(r *Request) *url.URL {
	u := &url.URL{Scheme: "http", Host: r.hostName()}
	if s.tls != nil {
		u.Scheme = "https"
	}
	u.Path, _, _ = strings.Cut(r.target, "?")
	return u
}

// close ends the session: it stops serving, leaves every connection and waits for what still runs.
func (s *session) close() error {
	_ = s.ln.Close()
	s.mu.Lock()
	s.ended = true
	for c := range s.conns {
		_ = c.raw.Close()
	}
	s.mu.Unlock()
	if s.bubble {
		defer time.Sleep(2 * bubblePause)
	}
	done := make(chan error, 1)
	go func() {
		s.ln.Wait()
		s.bodies.Wait()
		done <- <-s.served
	}()
	if s.cfg.Timeout < 0 {
		return <-done
	}
	limit := time.NewTimer(s.cfg.Timeout)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return fmt.Errorf("%s after the end of the test and the departure of the clients a handler or a request's body still runs; handlers:\n%s", s.cfg.Timeout, handlerStacks())
	}
}
