package peerwatch

import (
	"net"
	"syscall"
)

// maxWrappers bounds the search below a connection, should a wrapper lead to itself.
const maxWrappers = 8

// peerGoner is for connections without a descriptor, such as those of an in-memory test client.
type peerGoner interface {
	// PeerGone returns a channel that is closed when the peer has left.
	PeerGone() <-chan struct{}
}

// leaf returns the connection to watch: conn itself or what it wraps, nil when there is none. The
// concrete types come first, because most connections are one of them and a type test is cheaper
// than a search for methods.
//
//	*tls.Conn → *net.TCPConn
func leaf(conn net.Conn) net.Conn {
	for range maxWrappers {
		switch c := conn.(type) {
		case *net.TCPConn, *net.UnixConn:
			if !watchesSockets {
				return nil
			}
			return conn
		case peerGoner:
			return conn
		case syscall.Conn:
			if !watchesSockets {
				return nil
			}
			return conn
		case interface{ NetConn() net.Conn }: // crypto/tls
			conn = c.NetConn()
		case interface{ UnsafeConn() net.Conn }: // fasthttp's hijacked connections
			conn = c.UnsafeConn()
		default:
			return nil
		}
	}
	return nil
}
