package view

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"runtime"
	"sync"
	texttemplate "text/template"
	"text/template/parse"

	"github.com/gogeist/geist"
)

// entry is one way to render: a template that runs, in a set of its own. Functions of a
// template have no way to tell for whom it runs. So each goroutine has a copy of the set
// whose functions look into its instance; copies are kept, as many as ever ran at
// once, at most GOMAXPROCS.
type entry struct {
	lib         *library
	name        string // of the template that runs
	contentType string
	clone       func(in *instance) (func(io.Writer, any) error, error)

	mu   sync.Mutex
	free []*instance // guarded by mu
}

// instance is a copy of an entry's set and what it is rendering.
type instance struct {
	to  target
	run func(io.Writer, any) error
}

// target is where a page goes.
type target struct {
	c      *geist.Ctx // nil outside of a request
	w      io.Writer
	stream *geist.StreamWriter // w, if the page is streamed; nil otherwise
	left   int                 // bytes that the page may still have, unless it is streamed
}

// newEntry returns an entry on trees by name, none of which is ever changed, and the
// first mistake that shows when they are put together.
func newEntry(lib *library, html bool, trees map[string]*parse.Tree, name string) (*entry, error) {
	e := &entry{lib: lib, name: name}
	option := "missingkey=default"
	if lib.set.cfg.Strict {
		option = "missingkey=error"
	}
	var err error
	if html {
		e.contentType = "text/html; charset=utf-8"
		err = e.useHTML(trees, option)
	} else {
		e.contentType = "text/plain; charset=utf-8"
		err = e.useText(trees, option)
	}
	if err != nil {
		return nil, err
	}
	in, err := e.get()
	if err != nil {
		return nil, err
	}
	e.put(in)
	return e, nil
}

// escapeOnly names a template that has the entry escaped and never runs it: its own text
// comes first, which stopper does not take.
const escapeOnly = "\x00"

var errStop = errors.New("view: escaped")

type stopper struct{}

func (stopper) Write([]byte) (int, error) { return 0, errStop }

func (e *entry) useHTML(trees map[string]*parse.Tree, option string) error {
	pristine := htmltemplate.New(escapeOnly)
	for name, tree := range trees {
		if _, err := pristine.AddParseTree(name, tree); err != nil {
			return err
		}
	}
	if _, err := pristine.Parse(fmt.Sprintf("x{{template %q .}}", e.name)); err != nil {
		return err
	}
	e.clone = func(in *instance) (func(io.Writer, any) error, error) {
		t, err := pristine.Clone()
		if err != nil {
			return nil, err
		}
		t.Option(option).Funcs(e.lib.set.funcs.bind(in))
		if err := t.Execute(stopper{}, nil); !errors.Is(err, errStop) {
			return nil, err
		}
		return t.Lookup(e.name).Execute, nil
	}
	return nil
}

func (e *entry) useText(trees map[string]*parse.Tree, option string) error {
	pristine := texttemplate.New(escapeOnly)
	for name, tree := range trees {
		if _, err := pristine.AddParseTree(name, tree); err != nil {
			return err
		}
	}
	e.clone = func(in *instance) (func(io.Writer, any) error, error) {
		t, err := pristine.Clone()
		if err != nil {
			return nil, err
		}
		t.Option(option).Funcs(e.lib.set.funcs.bind(in))
		return t.Lookup(e.name).Execute, nil
	}
	return nil
}

// render writes the page.
func (e *entry) render(to target, data any) error {
	in, err := e.get()
	if err != nil {
		return err
	}
	in.to = to
	err = in.run(in, data)
	in.to = target{}
	e.put(in) // unless it panicked
	return e.lib.located(err)
}

func (e *entry) get() (*instance, error) {
	e.mu.Lock()
	if n := len(e.free) - 1; n >= 0 {
		in := e.free[n]
		e.free[n] = nil
		e.free = e.free[:n]
		e.mu.Unlock()
		return in, nil
	}
	e.mu.Unlock()
	in := &instance{}
	var err error
	in.run, err = e.clone(in)
	return in, err
}

func (e *entry) put(in *instance) {
	most := runtime.GOMAXPROCS(0)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.free) < most {
		e.free = append(e.free, in)
	}
}

// Write passes on what the page may have.
func (in *instance) Write(p []byte) (int, error) {
	if in.to.stream == nil {
		if in.to.left -= len(p); in.to.left < 0 {
			return 0, ErrTooLarge
		}
	}
	return in.to.w.Write(p)
}

// flush is the function of templates.
func (in *instance) flush() (string, error) {
	if in.to.stream == nil {
		return "", nil
	}
	return "", in.to.stream.Flush()
}
