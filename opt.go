package geist

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"unicode/utf8"
)

// Opt is a value that may be missing. As a field of what [Ctx.Bind] fills it tells
// three cases apart that a plain field cannot:
//
//	{}             Set false                 missing: leave it as it is
//	{"name":null}  Set true, Null true       sent as null: clear it
//	{"name":""}    Set true, Null false      sent, with the zero value
//
// Query, header, cookie, path and form fields are never null. In answers an Opt that
// is not set, or null, is written as null; the tag option omitzero leaves out one
// that is not set. With a default tag, Value holds the default and Set stays
// false until something is sent. The zero Opt is missing. A type that holds itself in an
// Opt is read anew at each level: a document whose length times its depth is beyond
// 64 MiB is refused as nested too deeply.
type Opt[T any] struct {
	// Value is what was sent, the default, or the zero T.
	Value T
	// Set reports that the field was sent, be it as null.
	Set bool
	// Null reports that the field was sent as null.
	Null bool
}

// Some returns an Opt that is set to v.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Get returns the value and whether one was sent: null counts as none.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.Set && !o.Null }

// Or returns the value that was sent, else fallback.
func (o Opt[T]) Or(fallback T) T {
	if o.Set && !o.Null {
		return o.Value
	}
	return fallback
}

// IsZero reports whether o is missing, for the tag option omitzero.
func (o Opt[T]) IsZero() bool { return !o.Set }

// MarshalJSON writes the value, or null if there is none.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Set || o.Null {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON reads a value or null. On an error o is as it was.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	var v T
	if string(data) == "null" {
		*o = Opt[T]{Set: true, Null: true}
		return nil
	}
	if !quickJSON(&v, data) {
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
	}
	*o = Opt[T]{Value: v, Set: true}
	return nil
}

// quickJSON reads what is plain: strings without escapes in ASCII, small whole
// numbers, true and false. A codec has checked the text already, and going through
// encoding/json once more for a few bytes costs three times as much (BenchmarkBind_opt).
func quickJSON(p any, data []byte) bool {
	switch p := p.(type) {
	case *string:
		n := len(data) - 1
		if n < 1 || data[0] != '"' || data[n] != '"' {
			return false
		}
		for _, b := range data[1:n] {
			if b < ' ' || b >= utf8.RuneSelf || b == '"' || b == '\\' {
				return false
			}
		}
		*p = string(data[1:n])
		return true
	case *bool:
		*p = string(data) == "true"
		return *p || string(data) == "false"
	case *int:
		n, ok := quickInt(data)
		*p = int(n)
		return ok
	case *int64:
		n, ok := quickInt(data)
		*p = n
		return ok
	}
	return false
}

// quickInt reads a whole number of at most nine digits.
func quickInt(data []byte) (n int64, ok bool) {
	if len(data) == 0 || len(data) > 9 || data[0] == '0' && len(data) > 1 {
		return 0, false
	}
	for _, b := range data {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// MarshalXML writes the value as an element, or nothing if there is none.
func (o Opt[T]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if !o.Set || o.Null {
		return nil
	}
	return e.EncodeElement(o.Value, start)
}

// UnmarshalXML reads an element.
func (o *Opt[T]) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var v T
	if err := d.DecodeElement(&v, &start); err != nil {
		return err
	}
	*o = Opt[T]{Value: v, Set: true}
	return nil
}

// optional is what only an Opt has: the binder finds by it the type that may be
// missing, and sets the fields by their index.
type optional interface{ valueType() reflect.Type }

func (o Opt[T]) valueType() reflect.Type { return reflect.TypeFor[T]() }

// The fields of an Opt by index.
const (
	optValue = iota
	optSet
	optNull
)
