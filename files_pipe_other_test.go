//go:build !unix

package geist_test

import "testing"

// makePipe makes a named pipe, where there are any.
func makePipe(*testing.T, string) bool { return false }
