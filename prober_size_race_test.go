//go:build race || geistdebug || geiststdjson

package geist_test

const (
	raceBuild = true
	probes    = 60_000
)
