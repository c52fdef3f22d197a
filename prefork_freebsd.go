package geist

// soReusePort is SO_REUSEPORT_LB: with plain SO_REUSEPORT, FreeBSD does not spread
// connections.
const soReusePort = 0x10000
