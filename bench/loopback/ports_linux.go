package loopback

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// freePorts says why there are not enough ports for n more connections to one address, or
// nothing. Each takes one of net.ipv4.ip_local_port_range, and keeps it for a minute in
// TIME_WAIT if the client closes first. The client of these scenes does not, but other
// programs may have.
func freePorts(n int) string {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return ""
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return ""
	}
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer table.Close()
	taken := timeWait(table, low, high)
	if free := high - low + 1 - taken; free < n {
		return fmt.Sprintf("it needs %d ports and %d of %d are in TIME_WAIT: wait for a minute", n, taken, high-low+1)
	}
	return ""
}

// timeWait counts the local ports from low to high that wait in TIME_WAIT, in the form of
// /proc/net/tcp. A server's port counts once, however many of its connections wait.
func timeWait(table io.Reader, low, high int) int {
	const state = "06"
	ports := map[int]struct{}{}
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // "0:", local address, remote address, state
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err == nil && int(port) >= low && int(port) <= high {
			ports[int(port)] = struct{}{}
		}
	}
	return len(ports)
}
