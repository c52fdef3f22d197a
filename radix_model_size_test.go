//go:build !race && !geistdebug && !geiststdjson

package geist

// modelProbes is how many (route set, path) pairs TestRadix_agreesWithModel compares.
const modelProbes = 1_000_000
