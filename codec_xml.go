package geist

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// XML returns the codec of application/xml and text/xml, on encoding/xml. It reads
// one document of at most 512 nested elements in UTF-8; entities that a document
// defines are not expanded, so that none can blow up.
func XML() Codec { return xmlCodec{} }

type xmlCodec struct{}

var _ Codec = xmlCodec{}

func (xmlCodec) Encode(w io.Writer, v any) error { return xml.NewEncoder(w).Encode(v) }

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
