package geist

import (
	"bytes"
	"encoding"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// XML returns the codec of application/xml and text/xml, on encoding/xml. It writes
// and reads one document: what is not one element, such as a slice, a map or nil, it
// does not write (errors.ErrUnsupported). It reads
// one document of at most 512 nested elements in UTF-8; entities that a document
// defines are not expanded, so that none can blow up.
func XML() Codec { return xmlCodec{} }

type xmlCodec struct{}

var _ Codec = xmlCodec{}

// Encode writes a document: the declaration and one element.
func (xmlCodec) Encode(w io.Writer, v any) error {
	if !isElement(v) {
		return fmt.Errorf("%w: no single XML element", errors.ErrUnsupported)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	err := xml.NewEncoder(w).Encode(v)
	if unsupported, ok := errors.AsType[*xml.UnsupportedTypeError](err); ok {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, unsupported)
	}
	return err
}

// isElement reports whether encoding/xml makes one element of v: of nil it makes
// none, and of a slice one for each of its elements.
func isElement(v any) bool {
	r := reflect.ValueOf(v)
	for {
		switch r.Kind() {
		case reflect.Invalid:
			return false
		case reflect.Pointer, reflect.Interface:
			if r.IsNil() {
				return false
			}
		}
		switch r.Interface().(type) {
		case xml.Marshaler, encoding.TextMarshaler:
			return true
		}
		switch r.Kind() {
		case reflect.Slice, reflect.Array:
			return r.Type().Elem().Kind() == reflect.Uint8
		case reflect.Pointer, reflect.Interface:
			r = r.Elem()
		default:
			return true
		}
	}
}

func (xmlCodec) Decode(data []byte, v any) error {
	r := &xmlDepth{d: xml.NewDecoder(bytes.NewReader(data))}
	d := xml.NewTokenDecoder(r)
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return &xml.SyntaxError{Msg: "no element", Line: 1}
		}
		return err
	}
	for {
		switch t, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			if text, ok := t.(xml.CharData); ok && len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			switch t.(type) {
			case xml.CharData, xml.StartElement:
				return &xml.SyntaxError{Msg: "data after the document", Line: 1}
			}
		}
	}
}

// xmlDepth is a source of tokens that ends with an error beyond a depth.
type xmlDepth struct {
	d     *xml.Decoder
	depth int
}

var errXMLDepth = fmt.Errorf("geist: XML elements are nested more than %d deep", DefaultMaxJSONDepth)

// Token returns the next token.
func (x *xmlDepth) Token() (xml.Token, error) {
	t, err := x.d.Token()
	switch t.(type) {
	case xml.StartElement:
		if x.depth++; x.depth > DefaultMaxJSONDepth {
			return nil, errXMLDepth
		}
	case xml.EndElement:
		x.depth--
	}
	return t, err
}

// malformedXML reports whether err says that a document is none, rather than
// that it does not fit.
func malformedXML(err error) bool {
	_, syntax := errors.AsType[*xml.SyntaxError](err)
	return syntax || errors.Is(err, errXMLDepth) || errors.Is(err, io.ErrUnexpectedEOF)
}
