//go:build !race && !geistdebug && !geiststdjson

package geist_test

// raceBuild tells what a test must not do under the race detector, which is slow and
// rightly objects to views of reused buffers.
const (
	raceBuild = false
	probes    = 1_000_000
)
