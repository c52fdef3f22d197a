package geist

import (
	"bufio"
	"bytes"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// This file looks at a request before fasthttp goes on with it: before its target
// is normalised and its body read.

const (
	// cheapTarget is the length up to which every target may be normalised.
	// fasthttp's time for that grows with the square of repeated slashes: 6 ms for
	// 16 KiB of them, 115 ms for 64 KiB, but microseconds here.
	cheapTarget = 1 << 10
	// maxOddSegments bounds the empty and dot segments of longer targets.
	maxOddSegments = 256
)

// Targets that stand for one that was refused. No client can send them: fasthttp
// accepts nothing else that begins with an asterisk than the asterisk alone.
const (
	targetTooLong = "*long"
	targetTooDeep = "*deep"
)

// headerReceived is fasthttp's hook between reading the header and parsing the
// target and the body. The request goes on to dispatch in any case, which answers.
func (s *server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if len(h.RequestURI()) > cheapTarget {
		s.guardTarget(h)
	}
	return s.bodyConfig(h)
}

// guardTarget replaces a target that must not be normalised.
func (s *server) guardTarget(h *fasthttp.RequestHeader) {
	target := h.RequestURI()
	switch {
	case len(target) > s.engine.set.MaxURIBytes:
		h.SetRequestURI(targetTooLong)
	case oddSegments(target) > maxOddSegments:
		h.SetRequestURI(targetTooDeep)
	}
}

// oddSegments counts the slashes of a target's path that another slash or a dot
// follows, in any encoding.
func oddSegments(target []byte) (n int) {
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	slash := false
	for i := 0; i < len(target); i++ {
		b := target[i]
		if b == '%' {
			if x, ok := unescape(unsafestring.String(target[i:])); ok {
				b = x
				i += 2
			}
		}
		if slash && (b == '/' || b == '.') {
			n++
		}
		slash = b == '/'
	}
	return n
}

// dropTrailers removes the fields that followed a chunked body. fasthttp finds them
// beside those of the header, where a client could pass on what a proxy removes
// from headers (RFC 9110 §6.5.1). It reports whether that worked, which nothing is
// known to prevent.
func dropTrailers(h *fasthttp.RequestHeader) bool {
	if !hasTrailers(h) {
		return true
	}
	// The header alone is read again, since nothing tells fields from trailers.
	head := slices.Concat(h.Method(), []byte{' '}, h.RequestURI(), []byte{' '}, h.Protocol(), []byte("\r\n"), h.RawHeaders())
	var again fasthttp.RequestHeader
	if err := again.Read(bufio.NewReaderSize(bytes.NewReader(head), len(head))); err != nil {
		return false
	}
	again.CopyTo(h)
	return true
}

// hasTrailers reports whether h may hold trailers: fasthttp 1.74 mixes them with the
// fields, of which there are then more than were sent; 1.77 knows their names.
// Fields that stand alone cannot be added to by trailers, and are not counted.
func hasTrailers(h *fasthttp.RequestHeader) bool {
	sent, have := 0, 0
	for raw := h.RawHeaders(); len(raw) > 0; {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		if name, _, ok := bytes.Cut(line, []byte{':'}); ok && line[0] != ' ' && line[0] != '\t' && !standsAlone(name) {
			sent++
		}
	}
	for name := range h.All() {
		if !standsAlone(name) {
			have++
		}
	}
	return have > sent || len(h.PeekTrailerKeys()) > 0
}

// standsAlone reports whether fasthttp keeps a field apart from the others.
func standsAlone(name []byte) bool {
	for _, s := range [...]string{
		fasthttp.HeaderHost, fasthttp.HeaderContentLength, fasthttp.HeaderContentType, fasthttp.HeaderUserAgent,
		fasthttp.HeaderTrailer, fasthttp.HeaderCookie, fasthttp.HeaderConnection, fasthttp.HeaderTransferEncoding,
	} {
		if equalFold(unsafestring.String(name), s) {
			return true
		}
	}
	return false
}
