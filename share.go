package geist

import "github.com/gogeist/geist/internal/unsafestring"

// A string cannot change, nor does a file in memory. So an answer that is one of them needs no
// copy: fasthttp writes it from where it lies (docs/design/010-bodies.md). But such a body
// must not be written to, and fasthttp's AppendBody and SwapBody do not see it. So only who is
// known to leave it alone finds it there:
//
//	Text ──► shared body ──► RawHeader, written                 as it lies
//	                     └─► Raw, RawResponse ──► a copy        to be changed

// leastShared is the size from which a text is not copied. What is shorter goes through the
// connection's buffer together with its header, and is not worth the rest of the way.
const leastShared = 1 << leastLarge

// setText makes s the body of the answer.
func (c *Ctx) setText(s string) {
	if len(s) > leastShared && c.textLasts() {
		c.shareBody(unsafestring.Bytes(s))
		return
	}
	c.lendBody(len(s))
	c.rc.Response.SetBodyString(s)
}

// textLasts reports whether a handler's string lasts until it is written, and everybody who
// sees the answer until then is known.
func (c *Ctx) textLasts() bool {
	return c.server.live.bare && !c.server.set.UnsafeStrings && stateOf(c.rc.Conn()) != nil
}

// shareBody makes b the body of the answer, which does not change it and is done with it when it has
// been written. It is copied only if somebody may change it.
func (c *Ctx) shareBody(b []byte) {
	c.rc.Response.SetBodyRaw(b)
	c.shared = true
	if c.exposed {
		c.ownBody()
	}
}

// expose prepares the answer for those that may change its body, now and later.
func (c *Ctx) expose() {
	c.exposed = true
	if c.shared {
		c.ownBody()
	}
}

// ownBody copies a shared body into the answer's own buffer.
func (c *Ctx) ownBody() {
	c.shared = false
	resp := &c.rc.Response
	if resp.IsBodyStream() {
		return
	}
	body := resp.Body()
	c.lendBody(len(body))
	resp.SetBody(body)
}
