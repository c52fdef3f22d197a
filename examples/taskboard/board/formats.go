package board

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/validate"
)

// Config returns the settings of the engine that serves the API.
func Config() geist.Config {
	return geist.Config{
		Name:         "taskboard",
		MaxBodyBytes: 64 << 10, // a task is far smaller
		StrictJSON:   true,     // a field that tasks do not have is a mistake that its sender wants to know
		Validator:    validate.New(),
		Codecs:       map[string]geist.Codec{"text/csv": csvCodec{}, ndjson: linesCodec{}},
	}
}

// pages is what both codecs have in common: they write pages of tasks, and read nothing.
type pages struct{}

// Supports says so to typed routes and documents.
func (pages) Supports(t reflect.Type) (encode, decode bool) {
	return t == reflect.TypeFor[*page](), false
}

// Decode makes a body of the type a 415.
func (pages) Decode([]byte, any) error { return errors.ErrUnsupported }

// linesCodec writes a page of tasks one a line.
type linesCodec struct{ pages }

// Encode has a form for pages alone.
func (linesCodec) Encode(w io.Writer, v any) error {
	p, ok := v.(*page)
	if !ok {
		return errors.ErrUnsupported
	}
	return writeLines(json.NewEncoder(w), p.Tasks)
}

func writeLines(lines *json.Encoder, tasks []*Task) error {
	for _, t := range tasks {
		if err := lines.Encode(t); err != nil {
			return err
		}
	}
	return nil
}

// csvCodec writes a page of tasks as CSV, for spreadsheets.
type csvCodec struct{ pages }

// Encode has a form for pages alone.
func (csvCodec) Encode(w io.Writer, v any) error {
	p, ok := v.(*page)
	if !ok {
		return errors.ErrUnsupported
	}
	rows := csv.NewWriter(w)
	_ = rows.Write([]string{"id", "title", "owner", "status", "tags", "due", "created", "updated", "version"}) // Error tells
	for _, t := range p.Tasks {
		_ = rows.Write([]string{
			strconv.FormatInt(t.ID, 10), cell(t.Title), cell(t.Owner), string(t.Status), cell(strings.Join(t.Tags, " ")), day(t),
			t.Created.Format(time.RFC3339Nano), t.Updated.Format(time.RFC3339Nano), strconv.FormatInt(t.Version, 10),
		})
	}
	rows.Flush()
	return rows.Error()
}

// cell keeps spreadsheets from running what somebody has written as a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

func day(t *Task) string {
	if t.Due == nil {
		return ""
	}
	return *t.Due
}

// MarshalXML writes a page as <tasks>, each task as an element of it.
func (p *page) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	type task struct {
		ID      int64     `xml:"id,attr"`
		Version int64     `xml:"version,attr"`
		Title   string    `xml:"title"`
		Owner   string    `xml:"owner"`
		Status  Status    `xml:"status"`
		Tags    []string  `xml:"tag"`
		Due     *string   `xml:"due"`
		Created time.Time `xml:"created"`
		Updated time.Time `xml:"updated"`
	}
	var doc struct {
		XMLName xml.Name `xml:"tasks"`
		Next    string   `xml:"next,attr,omitempty"`
		Tasks   []task   `xml:"task"`
	}
	doc.Next = p.Next
	for _, t := range p.Tasks {
		doc.Tasks = append(doc.Tasks, task{t.ID, t.Version, t.Title, t.Owner, t.Status, t.Tags, t.Due, t.Created, t.Updated})
	}
	return e.Encode(&doc)
}
