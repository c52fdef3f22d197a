package wsproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"unicode/utf8"
)

// said is what a peer has said, as far as the bytes went.
type said struct {
	ops   []Opcode
	data  [][]byte
	wrong uint16 // the code of the error, or 0
}

func (a said) equal(b said) bool {
	return a.wrong == b.wrong && slices.Equal(a.ops, b.ops) && slices.EqualFunc(a.data, b.data, bytes.Equal)
}

// readAll gives in to a Reader in pieces of the sizes given, in turn.
func readAll(r *Reader, in []byte, sizes ...int) (s said) {
	in = bytes.Clone(in)
	for i := 0; len(in) > 0; i++ {
		n := len(in)
		if len(sizes) > 0 {
			n = min(n, max(1, sizes[i%len(sizes)]))
		}
		piece := bytes.Clone(in[:n])
		in = in[n:]
		for len(piece) > 0 {
			u, took, err := r.Next(piece)
			if err != nil {
				var e Error
				if errors.As(err, &e) {
					s.wrong = e.Code
				}
				return s
			}
			if u.Op != Continuation {
				s.ops, s.data = append(s.ops, u.Op), append(s.data, bytes.Clone(u.Data))
			}
			piece = piece[took:]
		}
	}
	return s
}

// model is the slow and obvious reader: it looks at all bytes at once.
func model(in []byte, masked, deflate bool, limit int) (s said) {
	var op Opcode
	var message []byte
	var compressed bool
	fail := func(code uint16) said { s.wrong = code; return s }
	for len(in) > 0 {
		fin, rsv1, code := in[0]>>7 == 1, in[0]>>6&1 == 1, Opcode(in[0]&0xF)
		control := code >= 8
		switch {
		case in[0]>>4&3 != 0, code > 2 && code < 8, code > 10, control && (!fin || rsv1):
			return fail(1002)
		case len(in) == 1:
			return s
		}
		size, head := uint64(in[1]&0x7F), 2
		if control && size > 125 {
			return fail(1002)
		}
		if size == 127 && len(in) > 2 && in[2] > 0x7F {
			return fail(1002)
		}
		short := false
		switch size {
		case 126:
			if short = len(in) < 4; !short {
				size, head = uint64(binary.BigEndian.Uint16(in[2:])), 4
				if size < 126 {
					return fail(1002)
				}
			}
		case 127:
			if short = len(in) < 10; !short {
				size, head = binary.BigEndian.Uint64(in[2:]), 10
				if size < 65536 {
					return fail(1002)
				}
			}
		}
		if in[1]>>7 == 1 != masked {
			return fail(1002)
		}
		if masked {
			head += 4
		}
		if short || len(in) < head {
			return s
		}
		if !control {
			if (code == 0) != (op != 0) || rsv1 && (code == 0 || !deflate) {
				return fail(1002)
			}
			if code != 0 {
				op, compressed, message = code, rsv1, nil
			}
			if size > uint64(limit-len(message)) {
				return fail(1009)
			}
		}
		part := bytes.Clone(in[head:min(uint64(len(in)), uint64(head)+size)])
		if masked {
			for i := range part {
				part[i] ^= in[head-4+i%4]
			}
		}
		whole := uint64(len(part)) == size
		if control {
			if !whole {
				return s
			}
			s.ops, s.data = append(s.ops, code), append(s.data, part)
		} else {
			message = append(message, part...)
			if op == Text && !compressed && !beginning(message) {
				return fail(1007)
			}
			if !whole {
				return s
			}
			if fin {
				data := message
				if compressed {
					var err error
					if data, err = Inflate(message, limit); err != nil {
						return fail(err.(Error).Code)
					}
				}
				if op == Text && !utf8.Valid(data) {
					return fail(1007)
				}
				s.ops, s.data = append(s.ops, op), append(s.data, data)
				op = 0
			}
		}
		in = in[head+int(size):]
	}
	return s
}

// beginning reports whether text may go on to be valid.
func beginning(p []byte) bool { return utf8.Valid(p) || completable(p) }

func FuzzReader(f *testing.F) {
	hello := AppendMasked(nil, Text, true, false, key, []byte("Hello, κόσμε"))
	f.Add(hello, true, false, []byte{1})
	f.Add(slices.Concat(AppendFrame(nil, Text, false, false, []byte("a")), AppendFrame(nil, Ping, true, false, []byte("p")),
		AppendFrame(nil, Continuation, true, false, []byte("b"))), false, false, []byte{2, 3})
	f.Add(AppendMasked(nil, Binary, true, true, key, AppendDeflated(nil, bytes.Repeat([]byte("x"), 300))), true, true, []byte{7})
	f.Add(AppendMasked(nil, Close, true, false, key, AppendClose(nil, 1000, "bye")), true, true, []byte{5})
	f.Add([]byte{0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}, false, true, []byte{1, 9})
	f.Fuzz(func(t *testing.T, in []byte, masked, deflate bool, cuts []byte) {
		const limit = 300
		sizes := make([]int, len(cuts))
		for i, c := range cuts {
			sizes[i] = int(c)
		}
		want := model(in, masked, deflate, limit)
		whole, pieces := NewReader(masked, deflate, limit), NewReader(masked, deflate, limit)
		if got := readAll(&whole, in); !got.equal(want) {
			t.Errorf("whole: got %+v, want %+v", got, want)
		}
		if got := readAll(&pieces, in, sizes...); !got.equal(want) {
			t.Errorf("in pieces of %v: got %+v, want %+v", sizes, got, want)
		}
	})
}

// TestReader_againstModel gives the reader every sequence of three frames from a small
// set, good and bad, in pieces of several sizes.
func TestReader_againstModel(t *testing.T) {
	z := AppendDeflated(nil, []byte("compressed"))
	frames := [][]byte{
		AppendMasked(nil, Text, true, false, key, []byte("text")),
		AppendMasked(nil, Text, false, false, key, []byte("\xce\xba\xe1")),
		AppendMasked(nil, Text, true, true, key, z),
		AppendMasked(nil, Binary, false, true, key, z[:3]),
		AppendMasked(nil, Continuation, true, false, key, z[3:]),
		AppendMasked(nil, Continuation, true, false, key, []byte("\xbd\xb9")),
		AppendMasked(nil, Continuation, false, false, key, nil),
		AppendMasked(nil, Continuation, false, true, key, nil),
		AppendMasked(nil, Ping, true, false, key, []byte("ping")),
		AppendMasked(nil, Close, true, false, key, nil),
		AppendMasked(nil, Binary, true, false, key, bytes.Repeat([]byte("b"), 299)),
		AppendMasked(nil, Binary, false, false, key, bytes.Repeat([]byte("b"), 301)),
		AppendFrame(nil, Text, true, false, []byte("not masked")),
		{0x83, 0x80, 0, 0, 0, 0},
	}
	units := 0
	for _, a := range frames {
		for _, b := range frames {
			for _, c := range frames {
				in := slices.Concat(a, b, c)
				want := model(in, true, true, 300)
				units += len(want.ops)
				for _, size := range []int{1, 7, 1000} {
					r := NewReader(true, true, 300)
					if got := readAll(&r, in, size); !got.equal(want) {
						t.Fatalf("% x in pieces of %d: got %+v, want %+v", in, size, got, want)
					}
				}
			}
		}
	}
	if units < 1000 {
		t.Errorf("the sequences have %d units, want more than 1,000: the test says little", units)
	}
}

func TestReader_idle(t *testing.T) {
	r := NewReader(true, false, 100)
	in := slices.Concat(AppendMasked(nil, Text, false, false, key, []byte("a")), AppendMasked(nil, Continuation, true, false, key, nil))
	for i := range in {
		if got, want := r.Idle(), i == 0; got != want {
			t.Errorf("before byte %d: got idle %v, want %v", i, got, want)
		}
		if _, _, err := r.Next(in[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if !r.Idle() {
		t.Error("behind the message: got not idle, want idle")
	}
}

// TestReader_promisedSize: a size costs no memory until the bytes are there.
func TestReader_promisedSize(t *testing.T) {
	r := NewReader(true, false, 1<<30)
	h := Header{Fin: true, Masked: true, Op: Binary, Size: 1 << 30}
	in := append(h.Append(nil), make([]byte, 1000)...)
	if _, _, err := r.Next(in); err != nil {
		t.Fatal(err)
	}
	if got := cap(r.msg); got > 2048 {
		t.Errorf("1,000 bytes of a promised GiB: got a buffer of %d, want at most 2 KiB", got)
	}
}

// TestReader_allocations: a message costs its own bytes, a control frame nothing.
func TestReader_allocations(t *testing.T) {
	r := NewReader(true, false, 1000)
	message := AppendMasked(nil, Text, true, false, [4]byte{}, bytes.Repeat([]byte("x"), 100))
	ping := AppendMasked(nil, Ping, true, false, [4]byte{}, []byte("ping"))
	_, _, _ = r.Next(ping)
	for name, c := range map[string]struct {
		in   []byte
		want float64
	}{"message": {message, 1}, "ping": {ping, 0}} {
		got := testing.AllocsPerRun(100, func() {
			if u, n, err := r.Next(c.in); err != nil || n != len(c.in) || u.Op == Continuation {
				t.Fatalf("got %v, %d, %v", u, n, err)
			}
		})
		if got != c.want {
			t.Errorf("%s: got %v allocations, want %v", name, got, c.want)
		}
	}
}

func TestReader_fragmentFlood(t *testing.T) {
	const limit = 64 << 10
	r := NewReader(true, false, limit)
	one := AppendMasked(nil, Binary, false, false, key, []byte("x"))
	if _, _, err := r.Next(one); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < limit; i++ {
		if _, _, err := r.Next(AppendMasked(one[:0], Continuation, false, false, key, []byte("x"))); err != nil {
			t.Fatalf("fragment %d: %v", i, err)
		}
	}
	if got := cap(r.msg); got > 2*limit {
		t.Errorf("got a buffer of %d bytes, want at most %d", got, 2*limit)
	}
	if _, _, err := r.Next(AppendMasked(nil, Continuation, true, false, key, []byte("x"))); err != error(errTooBig) {
		t.Errorf("a byte over the limit: got %v, want %v", err, errTooBig)
	}
}

func BenchmarkReader_message(b *testing.B) {
	r := NewReader(true, false, 1000)
	in := AppendMasked(nil, Text, true, false, [4]byte{}, bytes.Repeat([]byte("x"), 128))
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = r.Next(in)
	}
}

func BenchmarkMask(b *testing.B) {
	p := make([]byte, 4096)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Mask(key, 1, p)
	}
}
