//go:build !geiststdjson

package geist

// defaultCodec is what a nil Config.JSON means.
func defaultCodec() Codec { return GoJSON() }
