//go:build !race && !geistdebug

package geist

// debugCtx is off in ordinary builds; see the other build of this constant.
const debugCtx = false

// debugState is empty; see the other build.
type debugState struct{} //nolint:unused // embedded in Ctx

func (c *Ctx) check() {}

func (c *Ctx) poison() {}

func fill([]byte) {}
