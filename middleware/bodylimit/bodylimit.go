// Package bodylimit lowers the bound of request bodies for a part of the routes, or for some
// requests.
//
//	api.Use(bodylimit.New(bodylimit.Config{MaxBytes: 64 << 10}))
//	app.Use(bodylimit.New(bodylimit.Config{For: func(c *geist.Ctx) int64 {
//		if _, ok := userKey.Get(c); ok {
//			return -1 // what MaxBytes says
//		}
//		return 4 << 10
//	}}))
//
// Every request is bounded already: by geist.Config.MaxBodyBytes, or by the option
// [geist.BodyLimit] of its route, which may be higher, too. This middleware only lowers
// that; of several bounds the lowest counts. A body that is announced to be longer is refused
// before anything of it is read, and the client is not told to go on (100 Continue); one without a
// length is cut at the bound; one that is compressed is bounded before and after it is decompressed.
// The answer is 413 as problem details, and the connection is closed if much of the body is left.
//
// The check costs no allocation, and nothing is read for it.
//
// # WebSockets and streams
//
// Requests for WebSockets and streams of events have no body: a handshake with one is refused in any
// case. Messages are bounded by geist.WebSocketConfig.MaxMessageBytes. On a route with
// [geist.StreamBody] the reader fails at the bound with the error that answers 413. Requests that no
// route serves (404, 405, OPTIONS, redirects) are refused for a body that is announced too long.
package bodylimit

import (
	"fmt"

	"github.com/gogeist/geist"
)

// DefaultMaxBytes is the default of Config.MaxBytes: 1 MiB.
const DefaultMaxBytes = 1 << 20

// Config holds the settings of [New]. The zero Config bounds bodies by 1 MiB.
type Config struct {
	// MaxBytes is the most bytes that a body may have. Zero means 1 MiB. New panics if it is
	// negative.
	MaxBytes int64

	// For returns the bound of one request, in bytes. Zero allows no body at all, a negative
	// number stands for MaxBytes. It may call what Ctx has but what reads the body, and must
	// be safe for any number of goroutines. Nil means MaxBytes for every request.
	For func(c *geist.Ctx) int64
}

// New returns middleware that lowers the bound of request bodies. It panics for a Config that
// makes no sense, and for more than one. What it returns is safe for any number of goroutines and
// engines.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("bodylimit: New was given more than one Config: give one")
	}
	if conf.MaxBytes < 0 {
		panic(fmt.Sprintf("bodylimit: Config.MaxBytes is %d: give a number of bytes, or 0 for %d", conf.MaxBytes, DefaultMaxBytes))
	}
	if conf.MaxBytes == 0 {
		conf.MaxBytes = DefaultMaxBytes
	}
	return func(c *geist.Ctx) error {
		most := conf.MaxBytes
		if conf.For != nil {
			if n := conf.For(c); n >= 0 {
				most = n
			}
		}
		if err := c.LimitBody(most); err != nil {
			return err
		}
		return c.Next()
	}
}
