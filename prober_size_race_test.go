//go:build race

package geist_test

const (
	raceBuild = true
	probes    = 60_000
)
