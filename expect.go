package geist

import (
	"sync"

	"github.com/valyala/fasthttp"
)

// This file serves requests that say Expect: 100-continue. fasthttp asks whether to go
// on before it calls the handler; but whether the body is wanted is for the route and
// its middleware to say. So these run on a goroutine of their own, for which the
// connection's waits, until they first read from the body:
//
//	connection's goroutine          request's goroutine
//	expect: waits ───────────────► route, middleware
//	100 Continue  ◄─────────────── the body is needed: waits
//	serve: waits  ───────────────► reads the body, endpoint
//	the answer    ◄─────────────── ends
//
// If they end without the body, their answer is the only one, and the connection is
// closed: the client may send the body all the same. An answer that is a stream is
// written by the connection's goroutine, which cannot wait for itself: so the body is
// asked for before, if the stream may read it (bodyReader.settle).

// expectation is a request whose client waits for 100 Continue.
type expectation struct {
	rc     *fasthttp.RequestCtx
	wanted chan struct{} // closed when the body is needed
	ready  chan struct{} // closed when it can be read, or never will be
	done   chan struct{} // closed when the request has been handled
	asked  bool          // of the request's goroutine
	cut    bool          // set before ready is closed
	once   sync.Once     // of closing ready
}

// expectKey finds an expectation among the user values of its request.
type expectKey struct{}

// expect is fasthttp's hook for requests that wait for 100 Continue. HTTP/1.0 has no
// such answer; what fasthttp does there is left to it.
func (s *server) expect(rc *fasthttp.RequestCtx) int {
	h := &rc.Request.Header
	if !expectsBody(h.ContentLength()) || !h.IsHTTP11() || !s.streams() {
		return s.expectBuffered(rc)
	}
	x := &expectation{rc: rc, wanted: make(chan struct{}), ready: make(chan struct{}), done: make(chan struct{})}
	go x.run(s.engine) // it ends with the request: serve, or Close, waits for it
	defer s.extendWrite(rc)
	select {
	case <-x.wanted:
		rc.SetUserValue(expectKey{}, x)
		return fasthttp.StatusContinue
	case <-x.done:
		return max(rc.Response.StatusCode(), fasthttp.StatusOK)
	}
}

// expectBuffered is expect where fasthttp reads the body before it calls the handler.
func (s *server) expectBuffered(rc *fasthttp.RequestCtx) int {
	most := max(s.engine.routes.Load().bodyMost, int64(s.engine.set.MaxBodyBytes))
	if int64(rc.Request.Header.ContentLength()) <= most {
		s.extendWrite(rc)
		return fasthttp.StatusContinue
	}
	s.refuseRequest(rc, errBodyTooLarge)
	return errBodyTooLarge.status
}

// run handles the request.
func (x *expectation) run(e *Engine) {
	defer close(x.done)
	length := x.rc.Request.Header.ContentLength()
	if st := stateOf(x.rc.Conn()); st != nil {
		st.handle(&x.rc.Request, length)
		st.awaitBody()
	}
	c := e.pool.Get().(*Ctx)
	c.rc = x.rc
	c.cold.used = true
	c.cold.expect = x
	defer c.finish()
	c.dispatch(e, length)
	c.returned = true
}

// proceed has the client told to send the body, and waits until it can be read.
func (x *expectation) proceed() error {
	if !x.asked {
		x.asked = true
		close(x.wanted)
	}
	<-x.ready
	if x.cut {
		return errBodyCut
	}
	return nil
}

// waits reports whether the client has not been told to send the body. It may be nil.
func (x *expectation) waits() bool { return x != nil && !x.asked }

// resumed lets a request go on that has waited for its body, and waits for its end. It
// reports whether rc is one.
func resumed(rc *fasthttp.RequestCtx) bool {
	x, ok := rc.UserValue(expectKey{}).(*expectation)
	if !ok {
		return false
	}
	x.release(false)
	return true
}

// cutBody ends the request's goroutine, if rc has one, whose body cannot be read: what is
// answered in its place needs the response.
func cutBody(rc *fasthttp.RequestCtx) {
	if x, ok := rc.UserValue(expectKey{}).(*expectation); ok {
		x.release(true)
	}
}

// release lets the request's goroutine go on, and waits for its end.
func (x *expectation) release(cut bool) {
	x.once.Do(func() {
		x.cut = cut
		close(x.ready)
	})
	<-x.done
}

// Close is called by fasthttp when it resets the request. If the body could not be
// read, the goroutine learns it here; else it has ended.
func (x *expectation) Close() error {
	x.release(true)
	return nil
}
