package geist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Listen listens on an address and serves until Shutdown, when it returns nil, or
// until the listener fails. An address is one of
//
//	":8080", "127.0.0.1:0"     TCP; port 0 is any free port, which OnListen tells
//	"unix:/run/app/http.sock"  a unix socket of mode 0660; what a crash has left there is removed
//	"systemd"                  the socket that systemd has opened for the process
//	"systemd:admin"            the one of several with that FileDescriptorName
//
// Several may be listened on at once, each by a call of its own.
func (e *Engine) Listen(addr string) error {
	ln, err := e.listen(addr)
	if err != nil {
		return err
	}
	return e.Serve(ln)
}

// listen opens the listener for an address of Run or Listen.
func (e *Engine) listen(addr string) (net.Listener, error) {
	if err := e.freeze(); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(path)
	}
	if name, ok := strings.CutPrefix(addr, "systemd"); ok && (name == "" || name[0] == ':') {
		return listenSystemd(strings.TrimPrefix(name, ":"))
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, listenError(addr, err)
	}
	return ln, nil
}

// listenError says what to do about a failure to listen.
func listenError(addr string, err error) error {
	advice := ""
	var bad *net.AddrError
	switch {
	case addrInUse(err):
		advice = `: stop what listens there, or choose another address such as ":8081", or port 0 for any free one`
	case errors.Is(err, fs.ErrPermission):
		advice = ": ports below 1024 want the capability CAP_NET_BIND_SERVICE, or socket activation (\"systemd\"); unix sockets want a directory that may be written to"
	case errors.As(err, &bad):
		advice = `: an address is ":8080", "127.0.0.1:8080", "unix:/path" or "systemd"`
	}
	return fmt.Errorf("geist: listen on %q: %w%s", addr, err, advice)
}

// listenUnix listens on a unix socket. A name that begins with "@" is abstract: it
// has no file, and so neither a mode nor anything left over.
func listenUnix(path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New(`geist: listen on "unix:": name the socket, as in "unix:/run/app/http.sock"`)
	}
	lc := net.ListenConfig{Control: unixControl}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if addrInUse(err) && path[0] != '@' {
		if err = removeStale(path); err == nil {
			ln, err = lc.Listen(context.Background(), "unix", path)
		}
	}
	if err == nil && path[0] != '@' {
		if err = os.Chmod(path, unixMode); err != nil {
			_ = ln.Close()
		}
	}
	if err != nil {
		return nil, listenError("unix:"+path, err)
	}
	return ln, nil
}

// unixMode is who may connect: the user and the group of the process.
const unixMode = 0o660

// removeStale removes a socket that nobody listens on. What somebody has put into
// its place meanwhile stays, as far as the system lets us tell.
func removeStale(path string) error {
	before, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if before.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file that is no socket: remove it, or choose another path")
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.EADDRINUSE
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
		return syscall.EADDRINUSE
	}
	return os.Remove(path)
}

// What the protocol of socket activation, sd_listen_fds(3), passes on.
const (
	listenPID     = "LISTEN_PID"     // for whom the sockets are
	listenFDs     = "LISTEN_FDS"     // how many they are
	listenFDNames = "LISTEN_FDNAMES" // their names, with colons between
	listenFDStart = 3                // the first descriptor
)

// listenSystemd returns the socket of a name, or, if name is "", the only one. The
// descriptor itself stays open, so that which sockets are still to be had needs no
// memory; the variables go with the last one that is asked for.
func listenSystemd(name string) (net.Listener, error) {
	names, err := systemdNames()
	if err != nil {
		return nil, err
	}
	chosen := -1
	for i, n := range names {
		if name != "" && n != name || n == takenName {
			continue
		}
		if chosen >= 0 {
			return nil, fmt.Errorf("geist: listen on %q: systemd has passed several such sockets (%s): give each a .socket unit with its own FileDescriptorName=, and ask for \"systemd:<name>\"",
				systemdAddr(name), strings.Join(names, ", "))
		}
		chosen = i
	}
	if chosen < 0 {
		return nil, fmt.Errorf("geist: listen on %q: systemd has passed no such socket, but %q", systemdAddr(name), names)
	}
	ln, err := inheritedListener(listenFDStart + chosen)
	if err != nil {
		return nil, fmt.Errorf("geist: listen on %q: descriptor %d is no listening stream socket (ListenStream=, Accept=no): %w", systemdAddr(name), listenFDStart+chosen, err)
	}
	names[chosen] = takenName
	forgetSystemd(names)
	return ln, nil
}

// takenName replaces the name of a socket that is listened on. systemd refuses it.
const takenName = "\x7f"

func systemdAddr(name string) string { return strings.TrimSuffix("systemd:"+name, ":") }

// systemdNames returns the names of the sockets that are for this process.
func systemdNames() ([]string, error) {
	n, err := strconv.Atoi(os.Getenv(listenFDs))
	if os.Getenv(listenPID) != strconv.Itoa(os.Getpid()) || err != nil || n < 1 || n > 1<<10 {
		return nil, errors.New(`geist: listen on "systemd": no socket was passed to this process (LISTEN_PID, LISTEN_FDS): start it by its .socket unit, or try it with systemd-socket-activate -l 8080`)
	}
	names := make([]string, n)
	for i, name := range strings.Split(os.Getenv(listenFDNames), ":") {
		if i < n {
			names[i] = name
		}
	}
	return names, nil
}

// forgetSystemd keeps processes that this one starts from taking its sockets for
// theirs.
func forgetSystemd(names []string) {
	for i := range names {
		closeOnExec(listenFDStart + i)
	}
	for _, n := range names {
		if n != takenName {
			_ = os.Setenv(listenFDNames, strings.Join(names, ":"))
			return
		}
	}
	for _, key := range []string{listenPID, listenFDs, listenFDNames} {
		_ = os.Unsetenv(key)
	}
}

// inheritedListener returns a listener on a socket that the process was started with.
func inheritedListener(fd int) (net.Listener, error) {
	closeOnExec(fd)
	dup, err := dupFile(fd)
	if err != nil {
		return nil, err
	}
	defer dup.Close()
	return net.FileListener(dup)
}
