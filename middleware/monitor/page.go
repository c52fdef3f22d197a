package monitor

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/gogeist/geist"
)

//go:embed page/*
var files embed.FS

// site is the page and its files. Their names have a hash in them, so that a browser keeps
// each until it changes.
type site struct {
	html   string // with names of files behind basePlace
	assets []asset
}

type asset struct {
	name, contentType string
	body              []byte
}

// basePlace stands in the page before each name of a file.
const basePlace = "{{base}}"

// loadSite reads the embedded files. They are part of the program: it cannot fail.
func loadSite() site {
	read := func(name string) []byte {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err)
		}
		return b
	}
	s := site{html: string(read("index.html"))}
	for _, a := range []asset{
		{name: "monitor.css", contentType: "text/css; charset=utf-8"},
		{name: "monitor.js", contentType: "text/javascript; charset=utf-8"},
		{name: "chart.js", contentType: "text/javascript; charset=utf-8"},
		{name: "icon.svg", contentType: "image/svg+xml"},
	} {
		a.body = read(a.name)
		sum := sha256.Sum256(a.body)
		ext := path.Ext(a.name)
		hashed := strings.TrimSuffix(a.name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		s.html = strings.ReplaceAll(s.html, basePlace+a.name, basePlace+hashed)
		a.name = hashed
		s.assets = append(s.assets, a)
	}
	return s
}

// Mount registers the page at a path such as /monitor, and what it needs below: its files,
// stats.json and events. Middleware, a login maybe, runs before [Config.Allow] is asked. The
// connections that are shown are those of app, which must be the engine that serves, not one
// that is mounted in it.
//
// The routes are hidden in descriptions, not counted, and answered with Cache-Control: no-store,
// but for the files, which a browser keeps. Mount panics when it is called again, and for a
// path that has parameters, is / or ends in one.
func (m *Monitor) Mount(app *geist.Engine, at string, mw ...geist.Handler) {
	if !strings.HasPrefix(at, "/") || path.Clean(at) != at || at == "/" || strings.ContainsAny(at, `:*\`) {
		panic(fmt.Sprintf("monitor: Mount at %q: give a plain path such as /monitor", at))
	}
	if !m.app.CompareAndSwap(nil, app) {
		panic("monitor: Mount was called before: make a Monitor for each place")
	}
	g := app.Group(at, mw...).Doc(geist.Hidden())
	g.Use(m.guard)
	g.GET("", m.page(path.Base(at)))
	g.GET("/stats.json", m.stats)
	g.SSE("/events", m.events)
	for _, a := range m.site.assets {
		g.GET("/"+a.name, a.serve)
	}
}

// page answers with the page, whose links are relative, so that it works behind a proxy that
// takes a prefix off the path.
func (m *Monitor) page(name string) geist.Handler {
	beside := strings.ReplaceAll(m.site.html, basePlace, name+"/")
	within := strings.ReplaceAll(m.site.html, basePlace, "")
	return func(c *geist.Ctx) error {
		if sent := c.RawHeader().URI().PathOriginal(); len(sent) > 0 && sent[len(sent)-1] == '/' { // with SlashIgnore
			return c.HTML(200, within)
		}
		return c.HTML(200, beside)
	}
}

func (m *Monitor) stats(c *geist.Ctx) error {
	b, err := m.report(true)
	if err != nil {
		return err
	}
	return c.Bytes(200, "application/json", b)
}

func (a asset) serve(c *geist.Ctx) error {
	c.SetHeader("Cache-Control", "private, max-age=31536000, immutable")
	return c.Bytes(200, a.contentType, a.body)
}
