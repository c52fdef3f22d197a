package view

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"regexp"
	"strconv"
	"strings"

	"github.com/gogeist/geist"
)

// Error is what is wrong in a template, found when it was parsed or run. Its text is for
// those who write templates, and may hold values of data.
type Error struct {
	// File is the file's path, with Config.Dir.
	File string
	// Line counts from 1; 0 means the whole file.
	Line int
	// Err says what is wrong, with what a function or a method has returned in its chain.
	Err error

	text string // of Err, without the place
	file string // its content, with Reload
}

// Error returns the place and what is wrong.
func (e *Error) Error() string {
	text := e.message()
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, text)
}

func (e *Error) message() string {
	if e.text != "" {
		return e.text
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// placed finds path, line and the rest in an error of html/template or text/template.
var placed = regexp.MustCompile(`(?s)^(?:html/template|template): ?(.+?):(\d+)(?::\d+)?: (.*)`)

// located returns err with the place that the text of html/template's errors has, which
// they give in no other way. Errors of writing are left as they are.
func (l *library) located(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[2])
	return &Error{File: m[1], Line: line, Err: err, text: m[3], file: l.texts[m[1]]}
}

// ErrorPage returns an error handler that, with Config.Reload, answers errors of templates
// with a page that shows each with its place and the lines around it. All other errors,
// and all without Reload, are next's; nil means [geist.DefaultErrorHandler].
//
//	app.OnError(views.ErrorPage(nil))
func (s *Set) ErrorPage(next geist.ErrorHandler) geist.ErrorHandler {
	if next == nil {
		next = geist.DefaultErrorHandler
	}
	if !s.cfg.Reload {
		return next
	}
	return func(c *geist.Ctx, err error) {
		found := templateErrors(err)
		if len(found) == 0 || geist.StatusCode(err) != 500 || showErrors(c, found) != nil {
			next(c, err)
		}
	}
}

// templateErrors returns the errors of templates in err, which may be several joined.
func templateErrors(err error) []*Error {
	switch e := err.(type) { //nolint:errorlint // it goes down the chain itself
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() error }:
		return templateErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, templateErrors(one)...)
		}
		return all
	}
	return nil
}

const errorPage = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>{{len .}} in templates</title>
<style>body{font:16px sans-serif;margin:2em}pre{background:#eee;padding:1em;overflow:auto}mark{background:#fc9}</style>
{{range .}}<h1>{{.File}}{{with .Line}}:{{.}}{{end}}</h1>
<p>{{.Message}}</p>
{{with .Lines}}<pre>{{range .}}{{if .Bad}}<mark>{{printf "%4d" .Number}}  {{.Text}}</mark>{{else}}{{printf "%4d" .Number}}  {{.Text}}{{end}}
{{end}}</pre>{{end}}
{{end}}</html>
`

// shown is an Error as the page has it.
type shown struct {
	File    string
	Line    int
	Message string
	Lines   []numbered
}

type numbered struct {
	Number int
	Text   string
	Bad    bool
}

// linesAround is how many lines are shown before and behind a bad one.
const linesAround = 4

func showErrors(c *geist.Ctx, found []*Error) error {
	var all []shown
	for _, e := range found {
		s := shown{File: e.File, Line: e.Line, Message: e.message()}
		lines := strings.Split(e.file, "\n")
		for i := max(1, e.Line-linesAround); e.file != "" && i <= min(len(lines), e.Line+linesAround); i++ {
			s.Lines = append(s.Lines, numbered{i, lines[i-1], i == e.Line})
		}
		all = append(all, s)
	}
	t, err := htmltemplate.New("errors").Parse(errorPage)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, all); err != nil {
		return err
	}
	return c.HTML(500, b.String())
}
