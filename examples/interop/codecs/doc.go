// Package codecs has codecs for CBOR, MessagePack and protobuf, a file each, to be
// copied into an application: geist itself has none of their dependencies.
//
// Each tells malformed data, which is answered with 400, from data that does not fit
// the type, which is left to the engine's 422, and bounds what a small body can ask for.
package codecs

const (
	// maxDepth is how deep arrays and maps, or messages, may be nested: 64. More is 400.
	maxDepth = 64
	// maxItems is how many elements an array, or pairs a map, may have: 10,000. An
	// element of one byte may become a struct of hundreds. More is 400.
	maxItems = 10_000
)
