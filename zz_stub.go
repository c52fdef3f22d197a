package geist

// endpoint stands in for the engine's type; this file is not merged.
type endpoint struct {
	names []string
}
