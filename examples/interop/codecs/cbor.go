package codecs

import (
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
	"github.com/gogeist/geist"
)

// CBOR returns a codec of application/cbor (RFC 8949). It reads one value with at most
// 64 nested arrays and maps of at most 10,000 elements or pairs. Malformed CBOR and
// duplicate keys are 400. Fields go by their cbor tag, else by their json tag; times
// are texts of RFC 3339, as in JSON. It is safe for many goroutines.
func CBOR() (geist.Codec, error) {
	enc, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		return nil, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: maxItems,
		MaxMapPairs:      maxItems,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	return cborCodec{enc, dec}, nil
}

type cborCodec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// Encode writes v as one data item.
func (c cborCodec) Encode(w io.Writer, v any) error {
	err := c.enc.NewEncoder(w).Encode(v)
	if unsupported, ok := errors.AsType[*cbor.UnsupportedTypeError](err); ok {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, unsupported) // Negotiate tries another form
	}
	return err
}

// Decode reads one data item, which is all of data.
func (c cborCodec) Decode(data []byte, v any) error {
	err := c.dec.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	if _, twice := errors.AsType[*cbor.DupMapKeyError](err); twice || c.dec.Wellformed(data) != nil {
		return geist.NewError(400, "the body is not valid CBOR").Wrap(err)
	}
	return err // well-formed, but no v
}
