package wsproto

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// syncTail ends a message that was flushed; it is not sent (RFC 7692 §7.2.1).
var syncTail = []byte{0x00, 0x00, 0xff, 0xff}

// inflateTail is what a message lacks to be a whole stream: syncTail, and an empty last
// block, behind which the inflater sees the end.
const inflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// windowBytes is the size of the window of DEFLATE.
const windowBytes = 32 << 10

// maxStreams bounds the last blocks within a message, behind each of which the inflater
// begins anew with a copy of the window: senders write one, or none, but an empty one has
// two bytes, and 64 KiB of them cost what inflating 20 MB does.
const maxStreams = 64

// inflaters are *inflater: each has some 40 KiB, so connections do not keep theirs.
var inflaters = sync.Pool{New: func() any {
	x := &inflater{}
	x.r = flate.NewReader(&x.src)
	return x
}}

// inflater inflates one message at a time.
type inflater struct {
	r   io.ReadCloser
	src inflateSource
}

// inflateSource is a message and its tail. The inflater reads bytes one by one, and so
// none too many.
type inflateSource struct {
	p    []byte
	tail string
}

// ReadByte returns the next byte.
func (s *inflateSource) ReadByte() (byte, error) {
	if len(s.p) > 0 {
		b := s.p[0]
		s.p = s.p[1:]
		return b, nil
	}
	if s.tail == "" {
		return 0, io.EOF
	}
	b := s.tail[0]
	s.tail = s.tail[1:]
	return b, nil
}

// Read reads into p; the inflater uses it for blocks that are stored.
func (s *inflateSource) Read(p []byte) (int, error) {
	n := copy(p, s.p)
	s.p = s.p[n:]
	m := copy(p[n:], s.tail)
	s.tail = s.tail[m:]
	if n+m == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n + m, nil
}

// over reports whether nothing of the message is left. A last block that is marked as
// such may stand before the tail (RFC 7692 §7.2.3.5).
func (s *inflateSource) over() bool {
	return len(s.p) == 0 && (s.tail == "" || s.tail == inflateTail)
}

// Inflate returns what the message p was before it was compressed, at most limit bytes
// of it. It needs memory for what it returns, not for what it refuses. The error is an
// [Error].
func Inflate(p []byte, limit int) ([]byte, error) {
	x := inflaters.Get().(*inflater)
	defer inflaters.Put(x)
	x.src = inflateSource{p, inflateTail}
	defer func() { x.src = inflateSource{} }()
	out := make([]byte, 0, min(4*len(p)+bytes.MinRead, limit+1))
	for range maxStreams {
		dict := out[max(0, len(out)-windowBytes):]
		if err := x.r.(flate.Resetter).Reset(&x.src, dict); err != nil {
			return nil, errDeflate
		}
		var err error
		if out, err = x.stream(out, limit); err != nil {
			return nil, err
		}
		if x.src.over() {
			return out, nil
		}
	}
	return nil, errDeflate
}

// stream appends what one stream holds.
func (x *inflater) stream(out []byte, limit int) ([]byte, error) {
	for {
		if len(out) == cap(out) {
			if len(out) > limit {
				return nil, errTooBig
			}
			out = append(make([]byte, 0, min(2*cap(out), limit+1)), out...)
		}
		n, err := x.r.Read(out[len(out):cap(out)])
		switch out = out[:len(out)+n]; {
		case len(out) > limit:
			return nil, errTooBig
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, errDeflate
		}
	}
}

// deflaters are *flate.Writer: each has some hundred KiB.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	return w
}}

// AppendDeflated appends the compressed form of the message p, for a frame with RSV1.
// Nothing of one message is used in the next (server_no_context_takeover).
func AppendDeflated(dst, p []byte) []byte {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	_, _ = w.Write(p) // a Buffer takes everything
	_ = w.Flush()
	w.Reset(io.Discard) // it must not keep dst
	return bytes.TrimSuffix(out.Bytes(), syncTail)
}
