//go:build unix

package geist

import "syscall"

// openFlags keep an open from waiting for the other end of a named pipe.
const openFlags = syscall.O_NONBLOCK

// outOfFiles are what a system call says when it is the server, not the name, that
// is at fault.
var outOfFiles = [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.EINTR}
