package cors_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/cors"
)

// TestNew_bodyIsNotAskedFor: what stands behind can refuse a body before it is sent.
func TestNew_bodyIsNotAskedFor(t *testing.T) {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(cors.New(cors.Config{AllowOrigins: []string{"https://a.example"}}), func(*geist.Ctx) error { return geist.NewError(401, "no") })
	app.POST("/", func(c *geist.Ctx) error { return c.NoContent() })
	conn := geisttest.New(t, app).Dial()
	const request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	var head [12]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || string(head[9:]) != "401" {
		t.Errorf("the answer begins %q, %v, want 401", head, err)
	}
}
