//go:build race || geistdebug || geiststdjson

package geist

// modelProbes is smaller under the race detector, which makes each probe ten times as slow.
const modelProbes = 60_000
