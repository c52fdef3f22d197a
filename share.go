package geist

// A small file in memory is sent from where it lies, to all who ask for it. fasthttp's AppendBody
// and SwapBody do not see such a body, and who writes to it changes it for everybody. So only who
// is known to leave it alone finds it there:
//
//	file ──► shared body ──► RawHeader, written                 as it lies
//	                     └─► Raw, RawResponse ──► a copy        to be changed
//
// A long text is copied all the same: a Text that kept its string would have every short
// one allocated that a handler puts together (docs/design/010-bodies.md).

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
