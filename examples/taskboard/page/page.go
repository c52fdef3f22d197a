// Package page serves the board's pages: HTML, CSS and JavaScript modules without a build
// step, held in the binary.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/client"
	"github.com/gogeist/geist/middleware/session"
)

//go:embed *.html *.js *.css icon.svg
var files embed.FS

// served are the files, where each is served, and as what.
var served = []struct{ path, file, contentType string }{
	{"/app.js", "app.js", "text/javascript; charset=utf-8"},
	{"/api.js", "api.js", "text/javascript; charset=utf-8"},
	{"/board.js", "board.js", "text/javascript; charset=utf-8"},
	{"/chat.js", "chat.js", "text/javascript; charset=utf-8"},
	{"/editor.js", "editor.js", "text/javascript; charset=utf-8"},
	{"/geist.js", "geist.js", "text/javascript; charset=utf-8"},
	{"/kept.js", "kept.js", "text/javascript; charset=utf-8"},
	{"/live.js", "live.js", "text/javascript; charset=utf-8"},
	{"/me.js", "me.js", "text/javascript; charset=utf-8"},
	{"/people.js", "people.js", "text/javascript; charset=utf-8"},
	{"/tasks.js", "tasks.js", "text/javascript; charset=utf-8"},
	{"/ui.js", "ui.js", "text/javascript; charset=utf-8"},
	{"/people.css", "people.css", "text/css; charset=utf-8"},
	{"/style.css", "style.css", "text/css; charset=utf-8"},
	{"/icon.svg", "icon.svg", "image/svg+xml"},
}

// Policy is the Content-Security-Policy of the pages. It lets them load nothing but files of
// their own, whoever manages to write markup into a task. Nothing stands within the HTML that
// would need a nonce.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Pages are the HTML, which says who looks at it. They are safe for many goroutines.
type Pages struct{ html *template.Template }

// Load reads the pages.
func Load() (*Pages, error) {
	html, err := template.ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return &Pages{html}, nil
}

// Board is what the page of the board shows beside the board.
type Board struct {
	// Name and Role are the visitor's.
	Name, Role string
	// Flashes are said once.
	Flashes []session.Flash
}

// Board answers with the board.
func (p *Pages) Board(c *geist.Ctx, b Board) error { return p.answer(c, 200, "index.html", b) }

// SignIn is what the page shows on which people sign in.
type SignIn struct {
	// Name is what has been written as the name, if that was in vain.
	Name string
	// Problem says why, or is empty.
	Problem string
	// Flashes are said once.
	Flashes []session.Flash
}

// SignIn answers with the page on which people sign in.
func (p *Pages) SignIn(c *geist.Ctx, status int, s SignIn) error {
	return p.answer(c, status, "login.html", s)
}

// answer answers with a page. Whoever looks next may be somebody else: it is not kept.
func (p *Pages) answer(c *geist.Ctx, status int, name string, data any) error {
	var html bytes.Buffer
	if err := p.html.ExecuteTemplate(&html, name, data); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	c.SetHeader("Cache-Control", "no-store")
	return c.HTML(status, html.String())
}

// Register adds the routes of the files to r.
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
		return c.Bytes(200, contentType, body)
	}
}
