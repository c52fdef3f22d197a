// Package requestid is middleware that gives each request an id: that of the proxy in
// front, or else a new one. The answer carries it, and so does what is logged of the request.
//
//	app.Use(requestid.New())
//	app.GET("/", func(c *geist.Ctx) error {
//		id, _ := requestid.From(c)
//		…
//	})
//
// It belongs in front of all other middleware, so that their answers and log lines have the
// id too. It runs for 404, 405, automatic OPTIONS answers and redirects as for routes.
//
// # WebSockets and streams
//
// A connection has the id of the request that has opened it: the answer to the handshake
// and the header of a stream carry it, [From] finds it as long as the Ctx lives, and
// [geist.Ctx.Logger] logs it. The handler of a followed stream, which keeps no Ctx, may
// take the string with it.
package requestid

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
)

// DefaultHeader is the default of Config.Header.
const DefaultHeader = "X-Request-ID"

// MaxLength is the most bytes of an id that is taken from a request.
const MaxLength = 128

// Attr is the name of the attribute under which ids are logged.
const Attr = "request_id"

// Config holds the settings. The zero Config is a safe default.
type Config struct {
	// Header is the field in which ids come and go. Empty means X-Request-ID.
	Header string

	// IgnoreInbound gives every request a new id, whatever it came with. False takes the id
	// of a request if it is 1 to 128 letters, digits and characters of "._-+/=:"; any
	// other, and of several fields all, count as none. Clients may then choose their id, so
	// it is for finding log lines, and no proof of anything.
	IgnoreInbound bool
}

// key holds the id of a request.
var key = geist.NewKey[string]("request id")

// New returns the middleware. It takes at most one Config, and panics if its Header is
// no name of a field. The id's own string is all that it allocates.
func New(config ...Config) geist.Handler {
	var conf Config
	if len(config) > 1 {
		panic("requestid: New was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	if conf.Header == "" {
		conf.Header = DefaultHeader
	}
	if !validName(conf.Header) {
		panic(fmt.Sprintf("requestid: Config.Header is %q: use letters, digits and hyphens", conf.Header))
	}
	name := fasthttp.AppendNormalizedHeaderKey(nil, conf.Header)
	return func(c *geist.Ctx) error {
		id := ""
		if !conf.IgnoreInbound {
			id = inbound(c, name)
		}
		if id == "" {
			id = fresh()
		}
		key.Set(c, id)
		c.RawHeader().Response.Header.SetCanonical(name, unsafestring.Bytes(id))
		c.AddLogAttrs(slog.String(Attr, id))
		return c.Next()
	}
}

// From returns the id of the request, and whether New's middleware has given it one. The
// string stays valid for ever.
func From(c *geist.Ctx) (string, bool) { return key.Get(c) }

// inbound returns the id that the request came with, or "" if it has none that is valid.
func inbound(c *geist.Ctx, name []byte) string {
	h := &c.RawHeader().Request.Header
	if len(h.PeekCanonical(name)) == 0 { // most requests: the look at all of them takes longer
		return ""
	}
	all := h.PeekAll(unsafestring.String(name))
	if len(all) != 1 || !valid(all[0]) {
		return ""
	}
	return string(all[0])
}

// valid reports whether an id can go into header fields and logs as it is.
func valid(id []byte) bool {
	if len(id) == 0 || len(id) > MaxLength {
		return false
	}
	for _, b := range id {
		if !alphanumeric(b) && strings.IndexByte("._-+/=:", b) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

func validName(name string) bool {
	for i := range len(name) {
		if !alphanumeric(name[i]) && name[i] != '-' {
			return false
		}
	}
	return name != ""
}

// fresh returns 128 random bits as 32 hexadecimal digits. There is no weaker source to fall
// back on: crypto/rand.Read never returns an error, it ends the program if the system has no
// randomness to give.
func fresh() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:])
	var text [2 * len(bits)]byte
	hex.Encode(text[:], bits[:])
	return string(text[:])
}
