//go:build unix

package suite

import "golang.org/x/sys/unix"

// mostFiles is how many files a process may have open, once it has raised its limit as far
// as it goes: Go does that at the start.
func mostFiles() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0
	}
	return int(min(lim.Max, 1<<30))
}
