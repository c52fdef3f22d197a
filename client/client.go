// Package client holds geist.js, the client of geist.v1 for browsers and Node, so that a
// server can serve it beside the rooms that it opens. README.md describes its use.
package client

import _ "embed"

//go:embed geist.js
var source string

// JS returns geist.js, an ES module in UTF-8 to be served as text/javascript. The bytes are
// the caller's own. It is safe for concurrent use.
func JS() []byte { return []byte(source) }
