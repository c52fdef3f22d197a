package geist

import (
	"errors"
	"strings"

	"github.com/gogeist/geist/internal/unsafestring"
)

// RawPath returns the path as it was sent, with its escapes, or as [Ctx.SetPath] has set
// it; clean under SlashIgnore. It is for building other paths: what is matched, and what
// must be authorised, is Path.
func (c *Ctx) RawPath() string {
	c.alive()
	return c.keepString(c.raw)
}

// RawQuery returns the query as it was sent, without the question mark, or "".
func (c *Ctx) RawQuery() string {
	c.check()
	return c.keep(c.rc.URI().QueryString())
}

// errRouted answers where the path would be set in vain.
var errRouted = errors.New("geist: SetPath after routing: call it in a hook of Engine.BeforeRequest")

// SetPath replaces the path that the request is routed by. Only a hook of
// [Engine.BeforeRequest] may call it; anywhere else, and for OPTIONS *, it fails. The path
// is escaped as in a request, begins with one slash and has no query: that of the request
// stays. One that could not have been sent is refused with an [Error] of status 400 or
// 414, since it may be made of what was sent, and changes nothing.
//
// Path, RawPath, Param and the URL that handlers of net/http see are then those of the new
// path, and so are the slash policy and redirects that follow from it. Only
// RequestURI, of Raw and of net/http, is still what was sent.
func (c *Ctx) SetPath(path string) error {
	c.check()
	if c.ep != nil || c.asterisk || c.failure != nil {
		return errRouted
	}
	if len(path) > c.server.set.MaxURIBytes {
		return errURITooLong
	}
	if !validPath(path) {
		return errBadTarget
	}
	uri := c.rc.URI()
	uri.SetPath(path)
	c.raw, c.clean = unsafestring.String(uri.PathOriginal()), false
	_ = c.prepare(c.server) // validPath has looked at its escapes
	return nil
}

// validPath reports whether path may stand in a request, and in a Location without naming
// another host.
func validPath(path string) bool {
	if path == "" || path[0] != '/' || strings.HasPrefix(path, "//") {
		return false
	}
	for i := range len(path) {
		switch b := path[i]; {
		case b <= ' ', b >= 0x7f, b == '\\', b == '?', b == '#':
			return false
		case b == '%':
			if x, ok := unescape(path[i:]); !ok || x == 0 {
				return false
			}
		}
	}
	return true
}
