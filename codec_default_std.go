//go:build geiststdjson

package geist

// defaultCodec is what a nil Config.JSON means: here encoding/json, since the build
// asks for it by -tags geiststdjson.
func defaultCodec() Codec { return StdJSON() }
