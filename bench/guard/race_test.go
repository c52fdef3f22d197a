//go:build linux && race

package guard

const raceEnabled = true
