package wsproto

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// key is the mask of the tests.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d}

func TestHeader_roundTrip(t *testing.T) {
	for _, size := range []uint64{0, 1, 125, 126, 127, 65535, 65536, 1 << 40, 1<<63 - 1} {
		for _, masked := range []bool{false, true} {
			want := Header{Fin: true, RSV1: true, Masked: masked, Op: Binary, Size: size}
			if masked {
				want.Key = key
			}
			b := want.Append(nil)
			got, n, err := ParseHeader(append(b, "payload"...))
			if err != nil || n != len(b) || got != want {
				t.Errorf("size %d, masked %v: got %+v, %d, %v, want %+v, %d, nil", size, masked, got, n, err, want, len(b))
			}
			for cut := range b {
				if _, n, err := ParseHeader(b[:cut]); n != 0 || err != nil {
					t.Errorf("size %d, first %d bytes of % x: got %d, %v, want 0, nil", size, cut, b, n, err)
				}
			}
		}
	}
}

func TestParseHeader_refuses(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want Error
	}{
		{"RSV2", []byte{0xA1}, errReservedBits},
		{"RSV3", []byte{0x91}, errReservedBits},
		{"RSV1 on a ping", []byte{0xC9}, errReservedBits},
		{"opcode 3", []byte{0x83}, errOpcode},
		{"opcode 7", []byte{0x87}, errOpcode},
		{"opcode B", []byte{0x8B}, errOpcode},
		{"opcode F", []byte{0x8F}, errOpcode},
		{"fragmented ping", []byte{0x09}, errControlFragment},
		{"fragmented close", []byte{0x08}, errControlFragment},
		{"ping of 126", []byte{0x89, 0xFE}, errControlSize},
		{"close of 127", []byte{0x88, 0xFF}, errControlSize},
		{"125 in 16 bits", []byte{0x82, 0xFE, 0, 125}, errSizeForm},
		{"65535 in 64 bits", []byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, errSizeForm},
		{"highest bit", []byte{0x82, 0xFF, 0x80}, errSizeBits},
	} {
		if _, _, err := ParseHeader(c.in); err != error(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestMask_everyOffset(t *testing.T) {
	for size := range 40 {
		for pos := range 9 {
			got := bytes.Repeat([]byte{0xA5}, size)
			Mask(key, pos, got)
			for i, b := range got {
				if want := 0xA5 ^ key[(pos+i)%4]; b != want {
					t.Fatalf("size %d, pos %d, byte %d: got %#x, want %#x", size, pos, i, b, want)
				}
			}
		}
	}
}

func TestAppendMasked_rfcExample(t *testing.T) {
	got := AppendMasked(nil, Text, true, false, key, []byte("Hello"))
	want := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestClose_roundTrip(t *testing.T) {
	for code := range uint16(5001) {
		p := binary.BigEndian.AppendUint16(nil, code)
		got, _, err := ParseClose(append(p, "why"...))
		if ok := err == nil && got == code; ok != ValidCode(code) {
			t.Errorf("code %d: got %d, %v, want valid %v", code, got, err, ValidCode(code))
		}
	}
	if code, reason, err := ParseClose(nil); code != CodeNoStatus || reason != "" || err != nil {
		t.Errorf("no payload: got %d, %q, %v, want 1005", code, reason, err)
	}
	if _, _, err := ParseClose([]byte{3}); err != error(errClosePayload) {
		t.Errorf("one byte: got %v, want %v", err, errClosePayload)
	}
	if _, _, err := ParseClose([]byte{3, 0xE8, 0xFF}); err != error(errCloseText) {
		t.Errorf("bad UTF-8: got %v, want %v", err, errCloseText)
	}
	if got := AppendClose(nil, CodeNoStatus, "unsaid"); len(got) != 0 {
		t.Errorf("no status: got % x, want nothing", got)
	}
}

func TestAppendClose_cutsReason(t *testing.T) {
	for _, c := range []struct {
		reason string
		want   int
	}{
		{"", 0},
		{string(bytes.Repeat([]byte("a"), 200)), 123},
		{string(bytes.Repeat([]byte("ö"), 100)), 122},
		{string(bytes.Repeat([]byte("€"), 100)), 123},
		{string(bytes.Repeat([]byte("😀"), 100)), 120},
		{"good\xffbad", 4},
	} {
		p := AppendClose(nil, CodeNormal, c.reason)
		if got := len(p) - 2; got != c.want {
			t.Errorf("%.12q: got %d bytes of reason, want %d", c.reason, got, c.want)
		}
		if _, _, err := ParseClose(p); err != nil {
			t.Errorf("%.12q: got %v, want a valid payload", c.reason, err)
		}
	}
}

func TestError_text(t *testing.T) {
	if got, want := fmt.Sprint(errMasked), "websocket: a frame of a server is masked (1002)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
