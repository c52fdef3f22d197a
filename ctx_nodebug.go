//go:build !race && !geistdebug

package geist

// debugCtx is off in ordinary builds; see the other build of this constant.
const debugCtx = false

// debugState is empty; see the other build.
type debugState struct{} //nolint:unused // embedded in Ctx

func (c *Ctx) alive() {}

// check thaws the request of a connection that has outlived it.
func (c *Ctx) check() {
	if c.rc == nil {
		c.thaw()
	}
}

func (c *Ctx) poison() {}

func fill([]byte) {}
