package geist

import (
	"fmt"
	"io"
)

// Renderer makes pages of templates for [Ctx.Render]. Config.Renderer names one; package
// view has one on html/template. It is safe for many goroutines.
type Renderer interface {
	// Check returns what is wrong with the templates, or nil. New calls it once; its
	// error is a problem of [Engine.Check], errors that are joined (errors.Join) are one each.
	Check() error

	// Render writes the page of that name to w and returns its Content-Type; "" means
	// HTML in UTF-8. On an error nothing of what was written is sent. It may ask c about the request,
	// and sets no status and no body. c belongs to the calling goroutine and is not kept.
	Render(w io.Writer, c *Ctx, name string, data any) (contentType string, err error)
}

// resolveRenderer checks the templates.
func (cfg *Config) resolveRenderer() (problems []string) {
	if cfg.Renderer == nil {
		return nil
	}
	if err := cfg.Renderer.Check(); err != nil {
		return problemsOf(err)
	}
	return nil
}

// Render answers with a status and the page that Config.Renderer makes of a template and
// data. The page is complete before anything of it is sent: on an error, which Render
// returns, status and header are as they were and the error handler answers. A mounted
// engine renders with its own Renderer; an engine without one fails. Names come from the
// program, not from requests: a client that may name a page sees all of them.
func (c *Ctx) Render(code int, name string, data any) error {
	c.check()
	r := c.engine.set.Renderer
	if r == nil {
		return fmt.Errorf("geist: Render %q: the engine has no templates: set Config.Renderer, as by view.New", name)
	}
	resp := &c.rc.Response
	resp.ResetBody()
	c.encoded = bodyWriter{c: c, whole: true}
	contentType, err := r.Render(&c.encoded, c, name, data)
	if err != nil {
		resp.ResetBody()
		return fmt.Errorf("geist: Render %q: %w", name, err)
	}
	c.begin(code, fieldValue(orDefault(contentType, mimeHTML)))
	return nil
}
