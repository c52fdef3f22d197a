package board

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/gogeist/geist"
)

// requestID is the id of a request, for whoever in the chain wants to log it.
var requestID = geist.NewKey[string]("request id")

// RequestID gives every request an id, which the client finds in X-Request-Id and
// the operator in the access log.
func RequestID() geist.Handler {
	return func(c *geist.Ctx) error {
		id := rand.Text()[:10]
		requestID.Set(c, id)
		c.SetHeader("X-Request-Id", id)
		return c.Next()
	}
}

// AccessLog writes one line for each request, once its answer is ready.
func AccessLog(log *slog.Logger) geist.Handler {
	return func(c *geist.Ctx) error {
		start := time.Now()
		err := c.Next() // a failed request has been answered when this returns
		id, _ := requestID.Get(c)
		log.LogAttrs(context.Background(), slog.LevelInfo, "request",
			slog.String("method", c.Method()),
			slog.String("path", c.Path()),
			slog.Int("status", c.ResponseStatus()),
			slog.Duration("took", time.Since(start).Round(time.Microsecond)),
			slog.String("id", id))
		return err
	}
}
