package geist

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gogeist/geist/internal/unsafestring"
)

// Buffers of large bodies are shared by all connections: none keeps one for its next
// request, as it does a small one (Config.MaxRetainedBytes), and yet a service of large
// bodies does not allocate one each time, which is dearer than the body's whole way through
// the kernel (bench, growth/body). What nobody uses ends with the next collections of garbage.

const (
	leastLarge = 14 // 16 KiB: the least size, as a power of two
	mostLarge  = 26 // 64 MiB: the greatest that is kept
)

// mostAhead is how many bytes of buffers an engine gives to bodies before they have come, those
// of all requests together. So what has come need not be copied to ever larger buffers, a quarter of the
// time of 1 MiB, while clients that announce much and send little hold no more than that for it.
const mostAhead = 4 << 20

// largeBuffers are the buffers of an engine.
type largeBuffers struct {
	pools [mostLarge - leastLarge + 1]sync.Pool // of *[]byte, a size each
	ahead atomic.Int64                          // bytes, see mostAhead
}

// largeClass returns the index of the smallest size that holds n bytes.
func largeClass(n int) int { return max(bits.Len(uint(n-1)), leastLarge) - leastLarge }

// get returns an empty buffer with room for n bytes.
func (p *largeBuffers) get(n int) []byte {
	class := largeClass(n)
	if class >= len(p.pools) {
		return make([]byte, 0, n)
	}
	if b, ok := p.pools[class].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<(class+leastLarge))
}

// put takes back a buffer that nobody uses any more. One that is not of get's sizes is left
// to the garbage collector.
func (p *largeBuffers) put(b []byte) {
	class := largeClass(max(cap(b), 1))
	if debugCtx || class >= len(p.pools) || cap(b) != 1<<(class+leastLarge) {
		return
	}
	p.pools[class].Put(&b)
}

// grow returns b with room for more bytes, in another buffer if need be.
func (p *largeBuffers) grow(b []byte, more int) []byte {
	if len(b)+more < 1<<leastLarge {
		return slices.Grow(b, more)
	}
	larger := append(p.get(len(b)+more), b...)
	p.put(b)
	return larger
}

// giveAhead returns an empty buffer with room for a body of n bytes that has not come yet, and
// for the byte behind it, by which a reader sees the end. It reports false, and gives none, if too
// many wait already. endAhead must follow once the body has come.
func (p *largeBuffers) giveAhead(n int) ([]byte, bool) {
	if p.ahead.Add(int64(n)) > mostAhead {
		p.endAhead(n)
		return nil, false
	}
	return p.get(n + 1), true
}

func (p *largeBuffers) endAhead(n int) { p.ahead.Add(-int64(n)) }

// A large answer is written when its Ctx has been released. So its buffer goes to the
// connection, which gives it back before it waits for the next request: whatever
// fasthttp had to write of it has been written, or copied, by then.

// lendBody gives the answer a large buffer if it has n bytes, and the connection is ours.
func (c *Ctx) lendBody(n int) {
	if n > 1<<leastLarge {
		c.lendLarge(n)
	}
}

func (c *Ctx) lendLarge(n int) {
	if n <= c.server.set.MaxRetainedBytes || c.rc.Response.IsBodyStream() || stateOf(c.rc.Conn()) == nil {
		return
	}
	c.cold.large = c.server.large.get(n)
	c.rc.Response.SwapBody(c.cold.large)
}

// releaseAnswer leaves no large buffer to the next answer, as fasthttp would; a buffer may be
// large although the answer is small. As a raw body it ends with this one.
func (c *Ctx) releaseAnswer(body []byte) {
	resp := &c.rc.Response
	if own := resp.SwapBody(nil); cap(own) <= c.server.set.MaxRetainedBytes {
		resp.SwapBody(own)
		if unsafestring.Within(body, own) {
			if len(body) != len(own) { // somebody has made a part of it a raw body
				resp.SetBodyRaw(body)
			}
			return
		}
	}
	resp.SetBodyRaw(body)
	c.returnLarge(body)
}

// returnLarge has the connection give the answer's buffer back, unless middleware has put
// another body in its place, and may have kept this one.
func (c *Ctx) returnLarge(body []byte) {
	large := c.cold.large
	c.cold.large = nil
	if large == nil || cap(body) == 0 || &large[:1][0] != &body[:1][0] {
		return
	}
	if st := stateOf(c.rc.Conn()); st != nil {
		st.lends().answered = large
	}
}

// returnBody keeps the buffer of the request's body for the next one, unless it is large, or
// the answer may be made of it (Ctx.Raw), which is yet to be written: then the connection gives
// it back.
func (c *Ctx) returnBody() {
	if cap(c.bodyBuf) <= c.server.set.MaxRetainedBytes && !c.answersBody() {
		c.bodyBuf = c.bodyBuf[:0]
		return
	}
	if st := stateOf(c.rc.Conn()); st != nil {
		st.lends().asked = c.bodyBuf
	}
	c.bodyBuf = nil
}

// answersBody reports whether the answer may lie in the buffer of the request's body.
func (c *Ctx) answersBody() bool {
	resp := &c.rc.Response
	return resp.IsBodyStream() || unsafestring.Within(resp.Body(), c.bodyBuf)
}

// giveBack gives back the buffers of the request whose answer has been written.
func (s *connState) giveBack() {
	x := s.lent
	if x == nil {
		return
	}
	if x.answered != nil {
		s.live.engine.large.put(x.answered)
		x.answered = nil
	}
	if x.asked != nil {
		s.live.engine.large.put(x.asked)
		x.asked = nil
	}
}

// lends returns where the connection keeps such buffers.
func (s *connState) lends() *lent {
	if s.lent == nil {
		s.lent = new(lent)
	}
	return s.lent
}
