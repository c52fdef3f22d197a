package swagger

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// The names of the documents, as they are served and as [Document] knows them.
const (
	// OpenAPIJSON is OpenAPI 3.1 as JSON.
	OpenAPIJSON = "openapi.json"
	// OpenAPIYAML is OpenAPI 3.1 as YAML.
	OpenAPIYAML = "openapi.yaml"
	// OpenAPI32JSON is OpenAPI 3.2 as JSON: with methods that 3.1 does not know, and with the
	// form of events.
	OpenAPI32JSON = "openapi-3.2.json"
	// AsyncAPIJSON is AsyncAPI 3.0 as JSON.
	AsyncAPIJSON = "asyncapi.json"
	// AsyncAPIYAML is AsyncAPI 3.0 as YAML.
	AsyncAPIYAML = "asyncapi.yaml"
)

// names are those of all documents.
var names = [...]string{OpenAPIJSON, OpenAPIYAML, OpenAPI32JSON, AsyncAPIJSON, AsyncAPIYAML}

// Mount serves the documents of app by GET: /openapi.json, /openapi.yaml, /openapi-3.2.json,
// /asyncapi.json and /asyncapi.yaml, behind the Prefix of the configuration. They describe every
// route, whether it is registered before or after.
//
// The documents are made once, when the engine is checked as it starts, and again by each
// Change: then every problem of a document is one of [geist.Engine.Check], and Run and
// Listen return it. Mount itself returns what is wrong with the configuration. Serving
// them makes nothing: they are kept as bytes, compressed too, with a strong ETag.
//
// With Pages in the configuration there are pages for people beside them, at /docs and
// /docs/realtime.
//
// Mount must be called before app serves. It may be called several times with different
// prefixes, such as for a public and an internal description.
func Mount(app *geist.Engine, config Config) error {
	if problems := config.problems(); len(problems) > 0 {
		return joined(problems)
	}
	s := &served{cfg: config}
	app.OnRoutes(s.describe)
	for i, name := range names {
		handlers := append(config.Middleware[:len(config.Middleware):len(config.Middleware)], s.handler(i))
		app.GET(config.Prefix+"/"+name, handlers...).Doc(geist.Hidden())
	}
	if config.Pages == nil {
		return nil
	}
	return config.Pages(app, Site{Title: config.Title, Prefix: config.Prefix, Middleware: slices.Clip(config.Middleware), Contents: s.contents})
}

// Document returns one of the documents that [Mount] would serve of the routes that app has
// now, without listening: for commands that write it to a file. The name is one of the
// constants of this package. The routes may have problems of their own, which
// [geist.Engine.Check] reports.
func Document(app *geist.Engine, config Config, name string) ([]byte, error) {
	d, err := describe(&config, app.Routes())
	if err != nil {
		return nil, err
	}
	text := d.write(name)
	if text == nil {
		return nil, joined([]string{"there is no document " + name})
	}
	return text, nil
}

// write returns a document as bytes, or nil for a name that is none.
func (d *documents) write(name string) []byte {
	var o *object
	switch name {
	case OpenAPIJSON, OpenAPIYAML:
		o = d.openapi
	case OpenAPI32JSON:
		o = d.openapi32
	case AsyncAPIJSON, AsyncAPIYAML:
		o = d.asyncapi
	default:
		return nil
	}
	if strings.HasSuffix(name, ".yaml") {
		return appendYAML(nil, o)
	}
	return append(appendJSON(nil, o, 0), '\n')
}

// served holds the documents of the routes that serve.
type served struct {
	cfg     Config
	current atomic.Pointer[edition]
}

// edition is all documents of the routes of one time.
type edition struct {
	files    [len(names)]file
	contents Contents
}

// file is a document in the forms in which it is sent.
type file struct {
	contentType         string
	plain, gzip, brotli form
	tag                 string // what the entity tags of all forms begin with
}

// form is a document in one content coding.
type form struct {
	encoding string
	etag     string
	body     []byte
}

// describe makes the documents of routes, which count once publish is called.
func (s *served) describe(routes []geist.RouteInfo) (publish func(), err error) {
	d, err := describe(&s.cfg, routes)
	if err != nil {
		return nil, err
	}
	return func() {
		e := &edition{contents: d.contents}
		for i, name := range names {
			e.files[i] = newFile(name, d.write(name))
		}
		s.current.Store(e)
		logger := s.cfg.Logger
		if logger == nil {
			logger = slog.Default()
		}
		for _, w := range d.warnings {
			logger.Warn("swagger", slog.String("warning", w))
		}
	}, nil
}

// contents tells what the documents that are served hold.
func (s *served) contents() Contents {
	if e := s.current.Load(); e != nil {
		return e.contents
	}
	return Contents{}
}

// newFile compresses a document.
func newFile(name string, text []byte) file {
	sum := sha256.Sum256(text)
	tag := hex.EncodeToString(sum[:16])
	f := file{
		contentType: "application/json", tag: tag, plain: form{"", `"` + tag + `"`, text},
		gzip:   form{"gzip", `"` + tag + `-gzip"`, fasthttp.AppendGzipBytesLevel(nil, text, fasthttp.CompressBestCompression)},
		brotli: form{"br", `"` + tag + `-br"`, fasthttp.AppendBrotliBytesLevel(nil, text, fasthttp.CompressBrotliDefaultCompression)},
	}
	if strings.HasSuffix(name, ".yaml") {
		f.contentType = "application/yaml"
	}
	return f
}

// handler serves one of the documents.
func (s *served) handler(i int) geist.Handler {
	return func(c *geist.Ctx) error {
		e := s.current.Load()
		if e == nil {
			return geist.ErrNotFound
		}
		f := &e.files[i]
		form := &f.plain
		switch accept := c.Header("Accept-Encoding"); {
		case accepts(accept, "br"):
			form = &f.brotli
		case accepts(accept, "gzip"):
			form = &f.gzip
		}
		c.SetHeader("ETag", form.etag)
		c.SetHeader("Cache-Control", "no-cache")
		c.AddHeader("Vary", "Accept-Encoding")
		if matches(c.Header("If-None-Match"), f.tag) {
			c.Status(fasthttp.StatusNotModified)
			return nil
		}
		if form.encoding != "" {
			c.SetHeader("Content-Encoding", form.encoding)
		}
		return c.Bytes(fasthttp.StatusOK, f.contentType, form.body) // a copy: middleware may change it
	}
}

// accepts reports whether an Accept-Encoding field allows a coding by its name.
func accepts(field, coding string) bool {
	for member := range strings.SplitSeq(field, ",") {
		name, params, _ := strings.Cut(member, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			weight, _ := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return strings.Trim(weight, "0.") != "" || weight == ""
		}
	}
	return false
}

// matches reports whether an If-None-Match field names the document, in any of its forms.
func matches(field, etag string) bool {
	for member := range strings.SplitSeq(field, ",") {
		member = strings.Trim(strings.TrimPrefix(strings.TrimSpace(member), "W/"), `"`)
		if member == "*" || member == etag || member == etag+"-br" || member == etag+"-gzip" {
			return true
		}
	}
	return false
}
