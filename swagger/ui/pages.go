package ui

import (
	"bytes"
	"embed"
	"html"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

//go:embed page/*.html
var texts embed.FS

// Pages serves the pages, below /docs behind the prefix of the site, by GET. It is meant
// for swagger.Config.Pages, and safe to be given to several. It reads the files of the
// pages, and fails only if they are not there.
func Pages(app *geist.Engine, site swagger.Site) error {
	files, err := loadAssets()
	if err != nil {
		return err
	}
	s := &server{site: site, assets: files}
	for _, p := range []page{
		{"/docs", "docs.html", func(c swagger.Contents) bool { return c.Operations > 0 }},
		{"/docs/realtime", "realtime.html", func(c swagger.Contents) bool { return c.Channels > 0 }},
		{"/docs/oauth2-redirect", "oauth2.html", func(c swagger.Contents) bool { return c.Operations > 0 }},
	} {
		h, err := s.page(p)
		if err != nil {
			return err
		}
		s.get(app, p.path, h)
	}
	s.get(app, "/docs/assets/:version/:name", s.asset)
	return nil
}

// server serves the pages of one site.
type server struct {
	site   swagger.Site
	assets *assets
}

func (s *server) get(app *geist.Engine, path string, h geist.Handler) {
	handlers := append(s.site.Middleware[:len(s.site.Middleware):len(s.site.Middleware)], h)
	app.GET(s.site.Prefix+path, handlers...).Doc(geist.Hidden())
}

// page is a page by its path, its template, and whether there is something to show.
type page struct {
	path, file string
	shown      func(swagger.Contents) bool
}

// view is what a page is made with. All addresses are relative to the page's own.
type view struct {
	title     string
	root      string // where the service is: "."
	documents string // where its documents are: "./.."
	docs      string // where the pages are: "./docs"
	assets    string
	home      string // the first page; empty if it has nothing to show
	realtime  string // the page of channels; empty if there are none
}

// fill puts what the view says in the place of $title and its like. A line with an
// address that is empty is left out. Not html/template: it calls methods by name, so that the
// linker keeps all there are, which makes the example 5 MB larger.
func (v *view) fill(text string) []byte {
	r := strings.NewReplacer("$title", html.EscapeString(v.title), "$root", v.root, "$documents", v.documents,
		"$docs", v.docs, "$assets", v.assets, "$home", v.home, "$realtime", v.realtime)
	var out []byte
	for line := range strings.Lines(text) {
		if v.home == "" && strings.Contains(line, "$home") || v.realtime == "" && strings.Contains(line, "$realtime") {
			continue
		}
		out = append(out, r.Replace(line)...)
	}
	return out
}

// page returns what serves a page, of which there is one for each set of links.
func (s *server) page(p page) (geist.Handler, error) {
	text, err := texts.ReadFile("page/" + p.file)
	if err != nil {
		return nil, err
	}
	depth := strings.Count(p.path, "/") - 1 // of the page, below the documents
	v := view{title: s.site.Title, documents: up(depth), root: up(depth + strings.Count(s.site.Prefix, "/"))}
	v.docs = v.documents + "/docs"
	v.assets = v.docs + "/assets/" + s.assets.version
	forms := map[[2]bool]*content{}
	for _, home := range [...]string{"", v.docs} {
		for _, realtime := range [...]string{"", v.docs + "/realtime"} {
			v.home, v.realtime = home, realtime
			made, err := newContent(p.file, v.fill(string(text)))
			if err != nil {
				return nil, err
			}
			forms[[2]bool{home != "", realtime != ""}] = made
		}
	}
	return func(c *geist.Ctx) error {
		contents := s.site.Contents()
		if !p.shown(contents) {
			return geist.ErrNotFound
		}
		if bytes.HasSuffix(c.Raw().Path(), []byte("/")) { // with SlashIgnore; nothing relative would be found
			c.SetHeader("Location", "../"+p.path[strings.LastIndexByte(p.path, '/')+1:])
			c.Status(308)
			return nil
		}
		c.SetHeader("Content-Security-Policy", policy(contents.Origins))
		c.SetHeader("Referrer-Policy", "no-referrer")
		c.SetHeader("Cache-Control", "no-cache")
		return forms[[2]bool{contents.Operations > 0, contents.Channels > 0}].send(c)
	}, nil
}

// up returns the address of the directory n levels above a page's own.
func up(n int) string {
	return "." + strings.Repeat("/..", n)
}

// policy is the Content-Security-Policy of all pages. A WebSocket to another origin is
// opened as wss or ws.
func policy(origins []string) string {
	var connect strings.Builder
	for _, origin := range origins {
		connect.WriteString(" " + origin + " ws" + strings.TrimPrefix(origin, "http"))
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'" +
		connect.String() + "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
}

// asset serves what the pages are made of, for ever: another version has another path.
func (s *server) asset(c *geist.Ctx) error {
	file := s.assets.files[c.Param("name")]
	if file == nil || c.Param("version") != s.assets.version {
		return geist.ErrNotFound
	}
	c.SetHeader("Cache-Control", "private, max-age=31536000, immutable")
	return file.send(c)
}
