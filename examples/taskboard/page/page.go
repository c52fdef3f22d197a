// Package page serves the board's front page: HTML, CSS and JavaScript modules without a
// build step, held in the binary.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/client"
)

//go:embed index.html *.js *.css icon.svg
var files embed.FS

// served are the files, where each is served, and as what.
var served = []struct{ path, file, contentType string }{
	{"/", "index.html", "text/html; charset=utf-8"},
	{"/app.js", "app.js", "text/javascript; charset=utf-8"},
	{"/api.js", "api.js", "text/javascript; charset=utf-8"},
	{"/board.js", "board.js", "text/javascript; charset=utf-8"},
	{"/chat.js", "chat.js", "text/javascript; charset=utf-8"},
	{"/editor.js", "editor.js", "text/javascript; charset=utf-8"},
	{"/geist.js", "geist.js", "text/javascript; charset=utf-8"},
	{"/kept.js", "kept.js", "text/javascript; charset=utf-8"},
	{"/live.js", "live.js", "text/javascript; charset=utf-8"},
	{"/name.js", "name.js", "text/javascript; charset=utf-8"},
	{"/people.js", "people.js", "text/javascript; charset=utf-8"},
	{"/tasks.js", "tasks.js", "text/javascript; charset=utf-8"},
	{"/ui.js", "ui.js", "text/javascript; charset=utf-8"},
	{"/people.css", "people.css", "text/css; charset=utf-8"},
	{"/style.css", "style.css", "text/css; charset=utf-8"},
	{"/icon.svg", "icon.svg", "image/svg+xml"},
}

// policy lets the page load nothing but its own files, whoever manages to write
// markup into a task.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Register adds the routes of the page to r.
func Register(r geist.Router) error {
	for _, f := range served {
		body, err := read(f.file)
		if err != nil {
			return fmt.Errorf("page: %w", err)
		}
		r.GET(f.path, serve(f.contentType, body)).Doc(geist.Hidden())
	}
	return nil
}

// read returns a file of the page, or the client of the rooms, which comes with geist.
func read(file string) ([]byte, error) {
	if file == "geist.js" {
		return client.JS(), nil
	}
	return files.ReadFile(file)
}

// serve answers with a file that changes only with the program. Browsers keep it,
// but ask each time whether it is still the one: mostly the answer is a small 304.
func serve(contentType string, body []byte) geist.Handler {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(c *geist.Ctx) error {
		c.SetHeader("ETag", etag)
		c.SetHeader("Cache-Control", "no-cache")
		if c.Header("If-None-Match") == etag {
			return c.Status(304).NoContent()
		}
		c.SetHeader("Content-Security-Policy", policy)
		c.SetHeader("X-Content-Type-Options", "nosniff")
		return c.Bytes(200, contentType, body)
	}
}
