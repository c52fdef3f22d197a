//go:build unix && !freebsd && (!linux || mips || mipsle || mips64 || mips64le)

package geist

// soReusePort is 0: the children accept from one socket. macOS and others have
// SO_REUSEPORT, but send all connections to one socket of several.
const soReusePort = 0
