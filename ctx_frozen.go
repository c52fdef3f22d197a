package geist

import (
	"bufio"
	"bytes"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// This file keeps the Ctx of a connection that has outlived its request. fasthttp wants
// its RequestCtx back, whose buffers would be pinned besides, so all that stays of the
// request is its header, as text and to the byte. The first method that needs more thaws
// it: a RequestCtx of the Ctx's own, which nobody pools. What handlers ask for again and
// again (Context, locals, Param, Logger) does not.
//
//	in use    rc → fasthttp's, pooled
//	frozen    rc = nil, head = "GET /chat HTTP/1.1\r\nHost: …"    some 600 bytes
//	thawed    rc → made of head                                  some 3 KiB more

// frozenRequest is a request of which only the header is left.
type frozenRequest struct {
	head []byte   // with the request line
	conn net.Conn // whose addresses and TLS state are the request's
}

// freeze lets go of fasthttp's RequestCtx and of every buffer that c kept for requests to
// come: c is for one connection now.
func (c *Ctx) freeze(conn net.Conn) frozenRequest {
	h := &c.rc.Request.Header
	head := bytes.Clone(h.AppendBytes(c.scratch[:0]))
	target := unsafestring.String(head[len(h.Method())+1:])
	keep := func(s string) string {
		if strings.HasPrefix(target, s) {
			return target[:len(s)]
		}
		return strings.Clone(s)
	}
	c.raw, c.path, c.orig = keep(c.raw), keep(c.path), keep(c.orig)
	c.hostValue = strings.Clone(c.hostValue)
	c.arena, c.buffers = nil, nil
	if len(c.cold.kv) == 0 {
		c.cold.kv = nil
	}
	c.rc = nil
	return frozenRequest{head: head, conn: conn}
}

// thaw makes the request anew, if c has been frozen.
func (c *Ctx) thaw() {
	w, ok := c.cold.hijack.(*Conn)
	if !ok || !w.frozen() {
		return // a Ctx after its end: what comes next panics
	}
	f := &w.request
	rc := new(fasthttp.RequestCtx)
	rc.Init2(f.conn, serverLog{&c.server.set}, true)
	_ = rc.Request.Header.Read(bufio.NewReaderSize(bytes.NewReader(f.head), len(f.head))) // it was read before
	rc.Response.Header.SetNoDefaultContentType(true)
	rc.Response.SetStatusCode(fasthttp.StatusSwitchingProtocols)
	c.rc, c.buffers = rc, new(buffers)
}

// bury ends a frozen Ctx. It is not pooled: it has no buffers that another request
// could use.
func (c *Ctx) bury() {
	if debugCtx {
		c.poison()
		return
	}
	*c = Ctx{server: c.server, engine: c.server}
}
