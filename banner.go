package geist

import (
	"fmt"
	"io"
	"net"
)

// banner prints where the engine listens, and what deserves attention.
func (e *Engine) banner(w io.Writer, addr net.Addr) {
	_, _ = fmt.Fprintf(w, "%s listens on %s (%d routes)\n", e.set.Name, browsable(addr), len(e.routes.Load().infos))
	for _, warning := range e.set.warnings {
		_, _ = fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

// browsable returns an address in the form that a browser takes.
func browsable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.Network() + ":" + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}
