package codecs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/gogeist/geist"
	"github.com/vmihailenco/msgpack/v5"
)

// MessagePack returns a codec of application/vnd.msgpack. It reads one value with at
// most 64 nested arrays and maps of at most 10,000 elements or pairs; malformed data
// is 400. Of duplicate keys the last counts. Fields go by their msgpack tag, else by
// their json tag. It is safe for many goroutines.
func MessagePack() geist.Codec { return msgpackCodec{} }

type msgpackCodec struct{}

// Encode writes v as one value.
func (msgpackCodec) Encode(w io.Writer, v any) error {
	e := msgpack.GetEncoder()
	defer msgpack.PutEncoder(e)
	e.Reset(w)
	e.SetCustomStructTag("json")
	return e.Encode(v)
}

// Decode reads one value, which is all of data. The library bounds neither the depth
// nor, for slices, what it allocates for a length that was only declared, so the
// data are scanned first.
func (msgpackCodec) Decode(data []byte, v any) error {
	if err := scanMessagePack(data); err != nil {
		return geist.NewError(400, "the body is not valid MessagePack").Wrap(err)
	}
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(bytes.NewReader(data))
	d.SetCustomStructTag("json")
	return d.Decode(v)
}

var (
	errShort    = errors.New("msgpack: the data end within a value")
	errExtra    = errors.New("msgpack: data after the value")
	errReserved = errors.New("msgpack: the reserved byte 0xc1")
	errLarge    = errors.New("msgpack: too many elements")
	errDeep     = errors.New("msgpack: nested too deep")
)

// scanMessagePack reports why data are not one value within the limits. It allocates
// nothing and does not recurse: open is what each open array or map still waits for.
func scanMessagePack(data []byte) error {
	var open [maxDepth]int
	depth := 0
	for {
		size, items, err := headMessagePack(data)
		if err != nil {
			return err
		}
		if size > len(data) || items > len(data) { // an element is a byte at least
			return errShort
		}
		data = data[size:]
		if items > 0 {
			if depth == maxDepth {
				return errDeep
			}
			open[depth] = items
			depth++
			continue
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			if len(data) > 0 {
				return errExtra
			}
			return nil
		}
	}
}

// headMessagePack returns how many bytes the next value takes, but for its elements,
// and how many values those are, two for each pair of a map.
//
// Long on purpose: a case for each kind of the format's table.
func headMessagePack(b []byte) (size, items int, err error) {
	if len(b) == 0 {
		return 0, 0, errShort
	}
	length := func(bytes int) int {
		if len(b) <= bytes {
			return len(b) // more than there is, with the bytes of the length
		}
		switch bytes {
		case 1:
			return int(b[1])
		case 2:
			return int(binary.BigEndian.Uint16(b[1:]))
		}
		return int(min(uint64(binary.BigEndian.Uint32(b[1:])), 1<<30))
	}
	elements := func(bytes, each int) (int, int, error) {
		n := length(bytes)
		if n > maxItems {
			return 0, 0, errLarge
		}
		return 1 + bytes, n * each, nil
	}
	switch k := b[0]; {
	case k <= 0x7f, k >= 0xe0, k == 0xc0, k == 0xc2, k == 0xc3: // small ints, nil, false, true
		return 1, 0, nil
	case k <= 0x8f:
		return 1, 2 * int(k&0x0f), nil
	case k <= 0x9f:
		return 1, int(k & 0x0f), nil
	case k <= 0xbf: // short strings
		return 1 + int(k&0x1f), 0, nil
	case k == 0xc1:
		return 0, 0, errReserved
	case k <= 0xc6: // binary
		n := 1 << (k - 0xc4)
		return 1 + n + length(n), 0, nil
	case k <= 0xc9: // extensions
		n := 1 << (k - 0xc7)
		return 2 + n + length(n), 0, nil
	case k == 0xca: // floats
		return 5, 0, nil
	case k == 0xcb:
		return 9, 0, nil
	case k <= 0xcf: // unsigned and signed integers
		return 1 + 1<<(k-0xcc), 0, nil
	case k <= 0xd3:
		return 1 + 1<<(k-0xd0), 0, nil
	case k <= 0xd8: // extensions of fixed length
		return 2 + 1<<(k-0xd4), 0, nil
	case k <= 0xdb: // strings
		n := 1 << (k - 0xd9)
		return 1 + n + length(n), 0, nil
	case k <= 0xdd:
		return elements(2<<(k-0xdc), 1)
	default:
		return elements(2<<(k-0xde), 2)
	}
}
