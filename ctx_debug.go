//go:build race || geistdebug

package geist

// debugCtx makes every use of a Ctx after its request panic, and overwrites what
// it lent. It is on under -race and -tags geistdebug.
const debugCtx = true

// poisonByte fills buffers that were lent and are no longer valid.
const poisonByte = 0xDB

// debugState is what debug builds know of a Ctx.
type debugState struct {
	released string // the route of the request that has ended
}

// alive panics when the request of c has ended. It is called by methods that do not need
// the request itself.
func (c *Ctx) alive() {
	if c.released != "" {
		panic("geist: a Ctx was used after its request (" + c.released + ") had ended: take what you need out of it before, or use c.Context() in goroutines")
	}
}

// check does what alive does, and thaws the request of a connection that has outlived it.
func (c *Ctx) check() {
	c.alive()
	if c.rc == nil {
		c.thaw()
	}
}

// poison makes c unusable for good, in place of putting it into the pool.
func (c *Ctx) poison() {
	method, route := c.Method(), "no route"
	if c.ep != nil && c.ep.pattern != "" {
		route = c.ep.pattern
	}
	if c.rc != nil && !c.rc.Request.IsBodyStream() { // of a WebSocket it may be gone already
		fill(c.rc.Request.Body())
	}
	if b := c.buffers; b != nil { // a WebSocket's Ctx has none
		fill(b.bodyBuf)
		fill(b.decoded)
		fill(b.folded)
		fill(b.cleaned)
	}
	*c = Ctx{server: c.server, debugState: debugState{method + " " + route}}
}

func fill(b []byte) {
	for i := range b {
		b[i] = poisonByte
	}
}
