package geist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/ready"
	"github.com/gogeist/geist/internal/wheel"
)

// server is the part of an Engine that listens and drains.
type server struct {
	engine *Engine
	base   context.Context // parent of every Ctx.Context
	cancel context.CancelCauseFunc
	conns  connRegistry

	leavers  leavers      // connections that outlive their request's handler
	sessions sessions     // of those that speak geist.v1
	wheel    wheel.Wheel  // their timers
	ready    ready.Poller // of those that nobody waits on

	draining atomic.Bool  // Shutdown has begun: Ready is false
	closing  atomic.Bool  // answers end their connections
	idleStop atomic.Int64 // unix nanoseconds after which idle connections are closed

	// Frozen by the first Serve; see conn.go.
	clock                                  coarseClock
	readTimeout, writeTimeout, idleTimeout time.Duration
	bufferSize                             int  // of fasthttp's readers
	prefetches                             bool // short bodies have been read whole; see body.go

	mu        sync.Mutex
	srv       *fasthttp.Server // guarded by mu; what Engine.Server returns, made on first use
	own       *fasthttp.Server // guarded by mu; what Serve uses, made from srv by the first call
	perIP     int              // guarded by mu; most connections of one address
	listeners []*listener      // guarded by mu
	prefork   *prefork         // guarded by mu; in the parent of ListenPrefork
	down      bool             // guarded by mu: Shutdown takes no listeners any more
}

func (s *server) init(e *Engine) {
	s.engine = e
	s.base, s.cancel = context.WithCancelCause(context.Background())
}

func (s *server) idleEnd() time.Time { return time.Unix(0, s.idleStop.Load()) }

// Server returns the engine's fasthttp server with the limits of Config, made on
// first use, to be embedded. It panics with the error of Check, if there is one, and
// ends registration. Its fields may be changed before it serves; the first Run,
// Listen or Serve takes them over too. Shutdown drains what it serves, but only
// connections of Run, Listen and Serve are known well enough to answer every
// pipelined request.
func (e *Engine) Server() *fasthttp.Server {
	if err := e.freeze(); err != nil {
		panic(err)
	}
	return e.live.fasthttp()
}

// fasthttp returns the server, made on first use.
func (s *server) fasthttp() *fasthttp.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		set := &s.engine.set
		s.srv = &fasthttp.Server{
			Handler:                      s.engine.serve,
			ErrorHandler:                 s.parseError,
			HeaderReceived:               s.headerReceived,
			ExpectHandler:                s.expect,
			Logger:                       serverLog{set},
			Name:                         set.ServerHeader,
			NoDefaultServerHeader:        set.ServerHeader == "",
			NoDefaultContentType:         true,
			Concurrency:                  set.MaxConns,
			MaxConnsPerIP:                set.MaxConnsPerIP,
			MaxRequestsPerConn:           set.MaxRequestsPerConn,
			MaxRequestBodySize:           set.MaxBodyBytes,
			StreamRequestBody:            true,
			ReadBufferSize:               set.MaxURIBytes + set.MaxHeaderBytes,
			ReadTimeout:                  max(set.ReadTimeout, 0),
			WriteTimeout:                 max(set.WriteTimeout, 0),
			IdleTimeout:                  max(set.IdleTimeout, 0),
			DisablePreParseMultipartForm: true,
			CloseOnShutdown:              true,
		}
	}
	return s.srv
}

// Run listens on an address as Listen does (":8080", "unix:/run/app.sock",
// "systemd"), prints the banner and serves until SIGINT or SIGTERM, which start a drain of at most
// Config.ShutdownTimeout; a second signal ends the process at once. It returns nil
// after a clean drain, else what went wrong, first of all the error of Check.
func (e *Engine) Run(addr string) error {
	ln, err := e.listen(addr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !e.set.DisableBanner {
		e.banner(os.Stdout, ln.Addr())
	}
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		stop() // from here on a signal has its usual effect
	}
	e.set.logger().Info("draining", "timeout", e.set.ShutdownTimeout)
	deadline, cancel := context.WithTimeout(context.Background(), e.set.ShutdownTimeout)
	defer cancel()
	return errors.Join(e.Shutdown(deadline), <-served)
}

// Serve serves the connections of ln, of any kind: TCP, TLS (tls.NewListener),
// unix. It returns nil once Shutdown has closed ln, while the rest of the drain goes on: a program
// that calls Shutdown ends when that has returned. Called later it returns [ErrServerClosed];
// ln is closed in any case. Several listeners may be served at once.
func (e *Engine) Serve(ln net.Listener) error {
	if err := e.freeze(); err != nil {
		return errors.Join(err, ln.Close())
	}
	s := &e.live
	srv, l, err := s.listen(ln)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	for _, f := range e.hooks.listen {
		f(ln.Addr())
	}
	err = srv.Serve(l)
	close(l.ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(o *listener) bool { return o == l })
	closed := ignoreClosed(ln.Close())
	if s.down {
		return nil
	}
	return errors.Join(err, closed)
}

// listen registers a listener that is going to be served, and returns it with the
// server for it.
func (s *server) listen(ln net.Listener) (*fasthttp.Server, *listener, error) {
	srv := s.fasthttp()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, nil, ErrServerClosed
	}
	if s.own == nil {
		s.own = s.takeOver(srv)
	}
	l := &listener{Listener: ln, live: s, limit: s.perIP, ended: make(chan struct{})}
	s.listeners = append(s.listeners, l)
	return s.own, l, nil
}

// takeOver returns a copy of srv, as its user may have changed it, without what our
// connections do themselves: their timeouts, and the count by address, for which
// fasthttp's wrapper would hide them.
func (s *server) takeOver(srv *fasthttp.Server) *fasthttp.Server {
	own := new(fasthttp.Server)
	from, to := reflect.ValueOf(srv).Elem(), reflect.ValueOf(own).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	s.readTimeout, s.writeTimeout, s.idleTimeout = srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout
	if s.idleTimeout <= 0 {
		s.idleTimeout = s.readTimeout // as fasthttp has it
	}
	own.ReadTimeout, own.WriteTimeout, own.IdleTimeout = 0, 0, 0
	s.perIP, own.MaxConnsPerIP = srv.MaxConnsPerIP, 0
	s.bufferSize = srv.ReadBufferSize
	ours := reflect.ValueOf(s.headerReceived).Pointer() // its user may have replaced it
	s.prefetches = srv.StreamRequestBody && srv.HeaderReceived != nil && reflect.ValueOf(srv.HeaderReceived).Pointer() == ours
	return own
}

// Ready reports whether the engine takes new work: false from the moment
// Shutdown is called. Readiness endpoints answer 503 then.
func (e *Engine) Ready() bool { return !e.live.draining.Load() }

// Shutdown ends serving without losing an answer. Ready turns false; after
// Config.DrainDelay the listeners are closed; requests in progress finish; idle
// connections may send one more request until Config.DrainIdle has passed; the
// answers say Connection: close. When ctx ends, what is left is cut: contexts end
// with [ErrServerClosed], connections are closed, and the error says how many.
// Then the OnShutdown hooks run. Only the first call does all this; later ones
// return nil at once.
func (e *Engine) Shutdown(ctx context.Context) error {
	s := &e.live
	if s.draining.Swap(true) {
		return nil
	}
	sleep(ctx, e.set.DrainDelay)
	err := s.drain(ctx)
	s.cancel(ErrServerClosed)
	for _, f := range slices.Backward(e.hooks.shutdown) {
		err = errors.Join(err, f(ctx))
	}
	return err
}

// drain closes the listeners and waits for the connections to end.
func (s *server) drain(ctx context.Context) error {
	s.idleStop.Store(time.Now().Add(max(s.engine.set.DrainIdle, 0)).UnixNano())
	s.closing.Store(true)
	s.mu.Lock()
	s.down = true
	servers, listeners, prefork := []*fasthttp.Server{s.own, s.srv}, slices.Clone(s.listeners), s.prefork
	s.mu.Unlock()
	prefork.shutdown(ctx)
	for _, c := range s.conns.all() { // those that come later see closing by themselves
		c.wake()
	}
	err := stopListeners(ctx, listeners)
	s.leavers.leave(ctx)
	cut := s.waitConns(ctx)
	err = errors.Join(err, cut, s.waitLeavers(ctx, cut != nil))
	for _, srv := range servers {
		if srv != nil {
			err = errors.Join(err, ignoreClosed(shutdownServer(ctx, srv)))
		}
	}
	return err
}

// stopListeners ends accepting and closes the listeners.
func stopListeners(ctx context.Context, listeners []*listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.stop())
	}
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	for _, l := range listeners {
		select {
		case <-l.ended:
		case <-patience.C:
			patience.Reset(0) // nor for the others
		case <-ctx.Done():
		}
		err = errors.Join(err, ignoreClosed(l.Close()))
	}
	return err
}

// stopPatience bounds the wait for an Accept that a deadline does not end, such as
// one that waits for something else than the network. It is then closed.
const stopPatience = 250 * time.Millisecond

// waitConns waits for the connections to end, and cuts them when ctx does.
func (s *server) waitConns(ctx context.Context) error {
	idle := time.NewTimer(time.Until(s.idleEnd()) + 2*lastLook)
	defer idle.Stop()
	for {
		select {
		case <-s.conns.wait():
			return nil
		case <-ctx.Done():
			return s.cut(ctx)
		case <-idle.C:
			// A deadline does not wake every connection (fasthttputil's pipes).
			for _, c := range s.conns.all() {
				if c, ok := c.(*anyConn); ok && c.idle.Load() {
					_ = c.end()
				}
			}
		}
	}
}

// waitLeavers waits for WebSockets and streams on connections that foreign servers have
// accepted, and for the functions that all run at their end; it cuts them when ctx ends.
// Those of ours that were cut have been told of.
func (s *server) waitLeavers(ctx context.Context, told bool) error {
	select {
	case <-s.leavers.wait():
		return nil
	case <-ctx.Done():
	}
	n := s.leavers.len()
	if foreign := s.leavers.cut(); told {
		n = foreign
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("geist: shutdown cut %d WebSockets, streams and handlers whose time was over: %w", n, context.Cause(ctx))
}

// cut ends what the deadline of a drain has left over.
func (s *server) cut(ctx context.Context) error {
	s.cancel(ErrServerClosed)
	rest := s.conns.all()
	for _, c := range rest {
		c.state().linger.Store(false) // at once
		_ = c.end()
	}
	return fmt.Errorf("geist: shutdown cut %d connections: %w", len(rest), context.Cause(ctx))
}

// shutdownServer ends what fasthttp runs. Connections that are not ours are
// waited for; handlers of those that were cut cannot be.
func shutdownServer(ctx context.Context, srv *fasthttp.Server) error {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Millisecond)
		defer cancel()
	}
	err := srv.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil // told by cut
	}
	return err
}

func ignoreClosed(err error) error {
	if err == nil || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "closed network connection") {
		return nil
	}
	return err
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// closeConn ends a hijacked connection.
func closeConn(c net.Conn) { _ = c.Close() }

// parseError answers what fasthttp could not read as a request. Nothing of what
// was sent is repeated or logged.
func (s *server) parseError(rc *fasthttp.RequestCtx, err error) {
	switch _, small := errors.AsType[*fasthttp.ErrSmallBuffer](err); {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.refuseRequest(rc, errBodyTooLarge)
	case small:
		s.refuseRequest(rc, tooLong(err.Error()))
	case timedOut(err):
		s.refuseRequest(rc, errReadTimeout)
	default:
		s.refuseRequest(rc, errMalformed)
	}
}

// timedOut reports whether reading ended with its deadline. Some of fasthttp's
// errors hide their cause, so that the end of the text has to tell.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || strings.HasSuffix(err.Error(), os.ErrDeadlineExceeded.Error())
}

// refuseRequest answers in place of the engine a request that was not read to its end,
// and has the connection closed.
func (s *server) refuseRequest(rc *fasthttp.RequestCtx, answer *Error) {
	cutBody(rc)
	s.extendWrite(rc)
	rc.Request.ReleaseBody(s.engine.set.MaxRetainedBytes)
	rc.Response.Reset()
	rc.Response.SkipBody = rc.IsHead()
	rc.Response.SetStatusCode(answer.status)
	rc.Response.Header.SetContentType("application/problem+json")
	rc.Response.SetBody(appendProblem(nil, answer.status, answer, defaultCodec()))
	if answer != errReadTimeout {
		closeAfter(rc)
	}
}

// extendWrite gives what is written outside an answer its time: the deadline is
// still that of the connection's last answer, and may have passed.
func (s *server) extendWrite(rc *fasthttp.RequestCtx) {
	if d := s.engine.set.WriteTimeout; d > 0 && rc.Conn() != nil {
		_ = rc.Conn().SetWriteDeadline(time.Now().Add(d))
	}
}

// closeAfter has the connection closed behind the answer, with a pause in which
// the client can read the answer although it may not have sent everything.
func closeAfter(rc *fasthttp.RequestCtx) {
	rc.SetConnectionClose()
	if c, ok := rc.Conn().(netConn); ok {
		c.state().linger.Store(true)
	}
}

var (
	errMalformed    = NewError(fasthttp.StatusBadRequest, "the request is malformed")
	errBodyTooLarge = NewError(fasthttp.StatusRequestEntityTooLarge, "the body is too large")
	errReadTimeout  = NewError(fasthttp.StatusRequestTimeout, "the request was not received in time")
)

// tooLong tells a long target from long header fields. fasthttp drops what it has
// parsed, but its error quotes both ends of the buffer: a line end in them, or
// another space than the one behind the method, means that the request line was
// complete. A target has neither.
func tooLong(text string) *Error {
	_, quote, ok := strings.Cut(text, "contents: ")
	if !ok || strings.HasPrefix(text, "error when reading response") { // that is, trailers
		return errHeaderTooLong
	}
	quote = strings.ReplaceAll(quote, `\\`, "")
	if strings.Contains(quote, `\n`) || strings.Count(quote, " ") > 1 {
		return errHeaderTooLong
	}
	return errURITooLong
}

// serverLog passes on what fasthttp logs, without the requests' bytes that some of
// its messages quote.
type serverLog struct{ set *settings }

func (l serverLog) Printf(format string, args ...any) {
	if strings.HasPrefix(format, "error when serving connection") {
		l.set.logger().LogAttrs(context.Background(), slog.LevelDebug, "connection ended with an error")
		return
	}
	l.set.logger().LogAttrs(context.Background(), slog.LevelWarn, fmt.Sprintf(format, args...))
}
