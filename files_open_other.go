//go:build !unix

package geist

import "syscall"

// openFlags are none: named pipes do not stand in directories here.
const openFlags = 0

// outOfFiles are what a system call says when it is the server, not the name, that
// is at fault.
var outOfFiles = [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.EINTR}
