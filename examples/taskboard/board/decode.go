package board

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strings"

	"github.com/gogeist/geist"
)

// What decodeJSON answers besides ErrInvalid. None of them repeats what was sent.
var (
	errNotJSON   = geist.NewError(415, "the body must be JSON: send Content-Type: application/json")
	errMalformed = geist.NewError(400, "the body is not one JSON value")
	errUnknown   = geist.NewError(400, "the body has a field that tasks do not have")
)

// decodeJSON reads the body into d strictly. Fields that the body does not name
// stay as they are, so that it reads whole drafts and changes alike.
//
// Asking for the content type is what keeps other sites out: a form or script of
// theirs cannot send JSON here without the browser asking us first.
func decodeJSON(c *geist.Ctx, d *Draft) error {
	if kind, _, err := mime.ParseMediaType(c.Header("Content-Type")); err != nil || kind != "application/json" {
		return errNotJSON
	}
	dec := json.NewDecoder(bytes.NewReader(c.Body()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return decodeError(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errMalformed
	}
	return nil
}

// decodeError says what was wrong: the form (400) or the type of a field (422).
func decodeError(err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errMalformed
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		var p problems
		p.add(pointer(wrong.Field), "has the wrong type")
		return p.err()
	}
	return errUnknown
}

// pointer turns encoding/json's "a.b" into the JSON Pointer "#/a/b". "" is the body itself.
func pointer(field string) string {
	if field == "" {
		return "#"
	}
	return "#/" + strings.ReplaceAll(field, ".", "/")
}
