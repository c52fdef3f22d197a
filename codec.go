package geist

import (
	stdjson "encoding/json"
	"io"
	"reflect"

	gojson "github.com/goccy/go-json"
)

// Codec turns values into one media type and back. Implementations are safe for
// use by many goroutines and keep no reference to their arguments.
type Codec interface {
	// Encode writes the encoding of v to w. Of JSON the engine removes a trailing
	// newline; what other media types are written in reaches the client as it is. On an
	// error nothing of it does. An error that is errors.ErrUnsupported says that v has
	// no form in this media type: Ctx.Negotiate then tries the next one.
	Encode(w io.Writer, v any) error

	// Decode parses the whole of data into v, a non-nil pointer. Data after the
	// value is an error. v may be partly filled when Decode fails. Ctx.Bind answers
	// 415 to an error that is errors.ErrUnsupported, what it says to an [Error], so that
	// a codec can tell malformed data by a 400, and 422 to any other.
	Decode(data []byte, v any) error
}

var (
	_ Codec = goJSON{}
	_ Codec = stdJSON{}
)

// GoJSON returns the default JSON codec, github.com/goccy/go-json. It writes and
// reads what encoding/json does, several times faster.
func GoJSON() Codec { return goJSON{} }

// StdJSON returns a JSON codec on encoding/json, for those who prefer the
// standard library's age over speed.
func StdJSON() Codec { return stdJSON{} }

// PartialCodec is a [Codec] that has forms for some types alone, such as one for CSV that
// writes tables. Typed routes offer it, and are described by it, only where it has one;
// of any other Codec they expect that it can do with every type.
type PartialCodec interface {
	Codec

	// Supports reports whether Encode has a form for values of t, and whether Decode reads
	// them. t is an output as the signature of a handler has it, or an input without a
	// pointer. It is called while routes are built.
	Supports(t reflect.Type) (encode, decode bool)
}

// supports asks a codec about a type.
func supports(codec Codec, t reflect.Type) (encode, decode bool) {
	if p, ok := codec.(PartialCodec); ok {
		return p.Supports(t)
	}
	return true, true
}

type goJSON struct{}

func (goJSON) Encode(w io.Writer, v any) error { return gojson.NewEncoder(w).Encode(v) }

func (goJSON) Decode(data []byte, v any) error { return gojson.Unmarshal(data, v) }

type stdJSON struct{}

func (stdJSON) Encode(w io.Writer, v any) error { return stdjson.NewEncoder(w).Encode(v) }

func (stdJSON) Decode(data []byte, v any) error { return stdjson.Unmarshal(data, v) }
