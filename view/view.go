package view

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gogeist/geist"
)

// DefaultMaxBytes is the default of Config.MaxBytes: 16 MiB.
const DefaultMaxBytes = 16 << 20

// NoLayout, in the place of a layout's name, asks for none.
const NoLayout = "-"

// ErrTooLarge is what rendering fails with when a page has more than Config.MaxBytes.
var ErrTooLarge = errors.New("view: the page is larger than Config.MaxBytes")

// Config says where templates are and what is in them. The zero Config reads the
// directory "views".
type Config struct {
	// FS holds the templates: an embed.FS, which makes them part of the program (by
	// //go:embed all:views, since without all: names that begin with _ are left out), or
	// another. Nil means the disk, where links that lead out of Dir are not followed;
	// whether an FS follows links is its own affair.
	FS fs.FS

	// Dir is the directory of the templates: in FS, where empty means all of it, or on
	// the disk, where empty means "views".
	Dir string

	// Ext is the extension of HTML templates. Empty means ".html". Files that end neither in
	// it nor in ".txt" are passed over.
	Ext string

	// Layout names the layout of pages that name none: the nearest file of that name, from
	// a page's own directory upwards. A page that finds none stands alone. Empty means
	// "layout", NoLayout none; another name must be that of a file.
	Layout string

	// Funcs are functions for templates. They may be called by many goroutines.
	Funcs template.FuncMap

	// RequestFuncs are functions whose first parameter is the request, a *geist.Ctx, which
	// templates leave out. In [Set.Execute], where there is no request, they fail.
	RequestFuncs template.FuncMap

	// Delims are the marks around actions. Empty ones mean {{ and }}.
	Delims [2]string

	// Strict makes a key that a map does not have an error. False renders nothing for it.
	Strict bool

	// MaxBytes bounds a page that is not streamed (ErrTooLarge). Zero means 16 MiB.
	MaxBytes int

	// Reload looks for changed files before each page, and has [Set.ErrorPage] show
	// errors: for development. An embed.FS never changes. What is wrong with templates is
	// then no problem of Check; every page fails until it is mended.
	Reload bool
}

// Set is the templates of a directory: a [geist.Renderer]. New makes it; it is safe for
// many goroutines and for several engines.
type Set struct {
	cfg      Config
	funcs    *functions
	problems []error // of the Config

	loaded atomic.Pointer[library]
	mu     sync.Mutex // held while files are looked for and read
}

var _ geist.Renderer = (*Set)(nil)

// Page is data for a template with another layout, in place of the data itself.
type Page struct {
	// Layout is the layout's name, as in Config.Layout. Empty means what it would be
	// otherwise.
	Layout string
	// Data is what the template is given.
	Data any
}

// New reads and parses all templates. What is wrong with them is what Check returns, and
// thereby known when an engine with this Renderer starts. Without a Config, the zero
// Config is used.
func New(config ...Config) *Set {
	s := &Set{}
	if len(config) > 0 {
		s.cfg = config[0]
	}
	if len(config) > 1 {
		s.problems = append(s.problems, errors.New("view: New was given more than one Config: pass one"))
	}
	s.resolve()
	if len(s.problems) == 0 {
		s.loaded.Store(s.load())
	}
	return s
}

// resolve fills in and checks the Config.
func (s *Set) resolve() {
	cfg := &s.cfg
	if cfg.Dir == "" {
		cfg.Dir = "."
		if cfg.FS == nil {
			cfg.Dir = "views"
		}
	}
	cfg.Ext = cmp.Or(cfg.Ext, ".html")
	cfg.Layout = cmp.Or(cfg.Layout, usualLayout)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, DefaultMaxBytes)
	if cfg.MaxBytes < 0 {
		s.problem("view: Config.MaxBytes is %d: use a positive number, or 0 for the default", cfg.MaxBytes)
	}
	if len(cfg.Ext) < 2 || cfg.Ext[0] != '.' || cfg.Ext == textExt {
		s.problem("view: Config.Ext is %q: use an extension such as .html, other than %s", cfg.Ext, textExt)
	}
	if cfg.Layout != NoLayout && !fs.ValidPath(cfg.Layout) {
		s.problem("view: Config.Layout is %q: use a name such as layout or layouts/main", cfg.Layout)
	}
	if (cfg.Delims[0] == "") != (cfg.Delims[1] == "") {
		s.problem("view: Config.Delims has one of two marks: give both")
	}
	var problems []error
	s.funcs, problems = newFunctions(cfg)
	s.problems = append(s.problems, problems...)
}

func (s *Set) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Errorf(format, args...))
}

// Check returns what is wrong with the Config and, unless it says Reload, with the
// templates: the first mistake of each file or, if all can be parsed, of each page, as an
// [*Error], joined. Nil is right.
func (s *Set) Check() error {
	if len(s.problems) > 0 || s.cfg.Reload {
		return errors.Join(s.problems...)
	}
	return s.loaded.Load().err
}

// Render is for [geist.Ctx.Render].
func (s *Set) Render(w io.Writer, c *geist.Ctx, name string, data any) (contentType string, err error) {
	return s.render(w, c, name, data)
}

// Execute writes a page outside of a request, for mail and files. Functions that need the
// request fail. On an error a part of the page may have been written.
func (s *Set) Execute(w io.Writer, name string, data any) error {
	_, err := s.render(w, nil, name, data)
	return err
}

func (s *Set) render(w io.Writer, c *geist.Ctx, name string, data any) (string, error) {
	e, data, err := s.find(name, data)
	if err != nil {
		return "", err
	}
	return e.contentType, e.render(target{c: c, w: w, left: s.cfg.MaxBytes}, data)
}

// Stream answers with a status and a page that is sent while it is made, 4 KiB at a time
// and at each {{flush}}, so that browsers load what its head names while the rest waits for
// data: data may have methods that take their time, channels and iterators. It returns at
// once, see [geist.Ctx.Stream]. An unknown name is an error here; what fails later cuts the
// connection, since a part of the page has been sent.
func (s *Set) Stream(c *geist.Ctx, code int, name string, data any) error {
	e, data, err := s.find(name, data)
	if err != nil {
		return err
	}
	return c.Status(code).Stream(e.contentType, func(w *geist.StreamWriter) error {
		return e.render(target{c: c, w: w, stream: w}, data)
	})
}

// find returns what renders name, and the data that it is given.
func (s *Set) find(name string, data any) (*entry, any, error) {
	lib, err := s.current()
	if err != nil {
		return nil, nil, err
	}
	layout := ""
	if p, ok := data.(Page); ok {
		layout, data = p.Layout, p.Data
	}
	e, err := lib.find(name, layout)
	return e, data, err
}

// current returns the templates as they are now.
func (s *Set) current() (*library, error) {
	lib := s.loaded.Load()
	switch {
	case lib == nil:
		return nil, errors.Join(s.problems...)
	case s.cfg.Reload:
		lib = s.refresh(lib)
	}
	return lib, lib.err
}

// refresh returns lib, or what has come in its place if files have changed.
func (s *Set) refresh(lib *library) *library {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.loaded.Load()
	if last != lib {
		return last // just now, by another
	}
	dir, err := s.open()
	if err == nil {
		defer dir.close()
		var files []file
		if files, err = dir.list(); err == nil && slices.Equal(files, last.files) {
			return last
		}
	}
	lib = s.load()
	s.loaded.Store(lib)
	return lib
}
