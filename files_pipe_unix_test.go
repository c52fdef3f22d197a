//go:build unix

package geist_test

import (
	"syscall"
	"testing"
)

// makePipe makes a named pipe, where there are any.
func makePipe(t *testing.T, name string) bool {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}
