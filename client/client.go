// Package client holds geist.js, the client of geist.v1 for browsers and Node, so that a
// server can serve it beside the rooms that it opens. README.md describes its use.
package client

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed geist.js
var source string

// JS returns geist.js, an ES module in UTF-8 to be served as text/javascript: without its comments,
// indents and empty lines, for pages have no use for them. The bytes are the caller's own. They are
// made anew by each call, so a server calls it once. It is safe for concurrent use.
func JS() []byte { return []byte(bare(source)) }

// bare takes away what is there for people. It relies on how geist.js is written: a comment has lines
// of its own, or stands behind the code with spaces around its slashes; no string looks like one.
func bare(source string) string {
	remark := regexp.MustCompile(` // .*$`)
	var lines []string
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/**") || strings.HasPrefix(line, "*") {
			continue
		}
		lines = append(lines, remark.ReplaceAllString(line, ""))
	}
	return strings.Join(lines, "\n")
}
