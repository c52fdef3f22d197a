package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"path"
	"strings"

	"github.com/swaggest/swgui/v5/static"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/client"
)

//go:embed page/*.css page/*.js page/*.svg
var own embed.FS

// borrowed are the files of Swagger UI, which swgui has compressed.
var borrowed = [...]string{"swagger-ui.css", "swagger-ui-bundle.js"}

// assets are the files of all pages, under a version that their contents decide.
type assets struct {
	version string
	files   map[string]*content
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]*content{}}
	sum := sha256.New()
	add := func(name string, c *content, err error) error {
		if err != nil {
			return err
		}
		a.files[name] = c
		_, err = io.WriteString(sum, name+" "+c.tag+"\n")
		return err
	}
	for _, name := range borrowed {
		zipped, err := static.FS.ReadFile(name + ".gz")
		if err := add(name, newZipped(name, zipped), err); err != nil {
			return nil, err
		}
	}
	list, err := own.ReadDir("page")
	if err != nil {
		return nil, err
	}
	for _, entry := range list {
		text, err := own.ReadFile(path.Join("page", entry.Name()))
		if err != nil {
			return nil, err
		}
		made, err := newContent(entry.Name(), text)
		if err := add(entry.Name(), made, err); err != nil {
			return nil, err
		}
	}
	script, err := newContent("geist.js", client.JS())
	if err := add("geist.js", script, err); err != nil {
		return nil, err
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:8])
	return a, nil
}

// content is a file as it is sent: compressed, since hardly any client wants it otherwise.
type content struct {
	contentType string
	tag         string
	zipped      []byte
}

// newContent compresses a text.
func newContent(name string, text []byte) (*content, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return newZipped(name, out.Bytes()), nil
}

func newZipped(name string, zipped []byte) *content {
	sum := sha256.Sum256(zipped)
	return &content{contentType: contentType(name), tag: hex.EncodeToString(sum[:12]), zipped: zipped}
}

// contentType does not ask the system, whose tables differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// send answers with the file, or with 304 to who has it.
func (f *content) send(c *geist.Ctx) error {
	zip := acceptsGzip(c.Header("Accept-Encoding"))
	tag := `"` + f.tag + `"`
	if zip {
		tag = `"` + f.tag + `-gzip"`
	}
	c.AddHeader("Vary", "Accept-Encoding")
	c.SetHeader("ETag", tag)
	c.SetHeader("X-Content-Type-Options", "nosniff")
	if known := c.Header("If-None-Match"); known == "*" || strings.Contains(known, tag) {
		c.Status(304)
		return nil
	}
	body := f.zipped
	if zip {
		c.SetHeader("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = f.plain(); err != nil {
			return err
		}
	}
	return c.Bytes(200, f.contentType, body) // a copy: middleware may change it
}

// plain returns the text of the file, made anew for each of the few who cannot unpack it.
func (f *content) plain() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(f.zipped))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// acceptsGzip reports whether an Accept-Encoding field allows gzip by its name.
func acceptsGzip(field string) bool {
	for member := range strings.SplitSeq(field, ",") {
		name, params, _ := strings.Cut(member, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return !ok || strings.Trim(weight, "0.") != ""
		}
	}
	return false
}
