package suite

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits are what the system allows one process. Zero means it is not known, and is not
// checked.
type Limits struct {
	// Files is the number of open files, Ports that of ports for outgoing connections.
	Files, Ports int
}

// ThisSystem returns the limits here.
func ThisSystem() Limits {
	l := Limits{Files: mostFiles()}
	if fs := strings.Fields(text("/proc/sys/net/ipv4/ip_local_port_range")); len(fs) == 2 {
		low, err1 := strconv.Atoi(fs[0])
		high, err2 := strconv.Atoi(fs[1])
		if err1 == nil && err2 == nil && high >= low {
			l.Ports = high - low + 1
		}
	}
	return l
}

// lacks says what is missing for n, or nothing.
func (l Limits) lacks(n Needs) string {
	switch {
	case l.Files > 0 && n.Files > l.Files:
		return fmt.Sprintf("it needs %d open files in one process and the limit is %d: raise it (ulimit -n) or ask for fewer connections (-held, -conns)", n.Files, l.Files)
	case l.Ports > 0 && n.Ports > l.Ports:
		return fmt.Sprintf("it needs %d ports for connections to one address and the system has %d (net.ipv4.ip_local_port_range)", n.Ports, l.Ports)
	}
	return ""
}
