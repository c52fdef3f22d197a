package geist

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// This file decompresses request bodies under Config.DecompressBodies, by fasthttp's
// codecs and that of compress/zlib, into no more than the body's limit.

const (
	// maxCodings bounds how often a body may be compressed.
	maxCodings = 2
	// acceptedCodings is what a client is told that used another one.
	acceptedCodings = "gzip, deflate, br, zstd"
	// zstdWindowBytes is the largest window that a decoder must have room for
	// (RFC 9659). A frame of a few bytes may ask for terabytes.
	zstdWindowBytes = 8 << 20
	// zstdOverdo bounds, in limits, what frames of unknown content may become.
	zstdOverdo = 4
)

var errCompressed = NewError(fasthttp.StatusBadRequest, "the body is not what its content encoding says")

// refuseEncoding answers a content encoding that is not read, with those that are.
func (c *Ctx) refuseEncoding() error {
	accepted := "identity"
	if c.server.set.DecompressBodies && !c.streamsBody() {
		accepted = acceptedCodings
	}
	c.rc.Response.Header.Set(fasthttp.HeaderAcceptEncoding, accepted)
	return errEncoding
}

// decompress replaces a compressed body by its content. It then has no encoding.
func (c *Ctx) decompress() error {
	h := &c.rc.Request.Header
	if len(h.PeekCanonical(headerContentEncoding)) == 0 {
		return nil
	}
	var codings []decoder
	for _, field := range h.PeekAll(fasthttp.HeaderContentEncoding) {
		for name := range strings.SplitSeq(unsafestring.String(field), ",") {
			name = strings.Trim(name, " \t")
			if name == "" || equalFold(name, "identity") {
				continue
			}
			d := decoderOf(name)
			if d == nil || len(codings) == maxCodings {
				return c.refuseEncoding()
			}
			codings = append(codings, d)
		}
	}
	body := c.rc.Request.Body()
	for i := len(codings) - 1; i >= 0; i-- { // the last was applied last
		w := cappedWriter{limit: int(c.bodyLimit())}
		if err := codings[i](&w, body); err != nil {
			return err
		}
		body = w.b
	}
	if len(codings) > 0 {
		if body == nil {
			body = []byte{}
		}
		c.rc.Request.SetBodyRaw(body)
		h.SetContentLength(len(body))
	}
	h.Del(fasthttp.HeaderContentEncoding)
	return nil
}

// decoder writes the content of p to w, or returns an [Error].
type decoder func(w *cappedWriter, p []byte) error

// decoderOf returns the decoder of a content coding, or nil.
func decoderOf(name string) decoder {
	switch {
	case equalFold(name, "gzip"), equalFold(name, "x-gzip"):
		return byFasthttp(fasthttp.WriteGunzip)
	case equalFold(name, "deflate"):
		return byFasthttp(writeInflate)
	case equalFold(name, "br"):
		return byFasthttp(fasthttp.WriteUnbrotli)
	case equalFold(name, "zstd"):
		return decodeZstd
	}
	return nil
}

// byFasthttp makes a decoder of one that stops when it cannot write.
func byFasthttp(decode func(io.Writer, []byte) (int, error)) decoder {
	return func(w *cappedWriter, p []byte) error {
		_, err := decode(w, p)
		switch {
		case w.over:
			return errBodyTooLarge
		case err != nil:
			return errCompressed
		}
		return nil
	}
}

// writeInflate writes the content of p, a zlib stream. What follows it is an error, as in
// the other codings; fasthttp's decoder would drop it.
func writeInflate(w io.Writer, p []byte) (int, error) {
	src := bytes.NewReader(p)
	zr, err := zlib.NewReader(src)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, zr)
	if err == nil && src.Len() > 0 {
		err = errCompressed
	}
	return int(n), err
}

// decodeZstd looks before it decodes: fasthttp's decoder takes any window, and one
// that is stopped leaves goroutines behind.
func decodeZstd(w *cappedWriter, p []byte) error {
	if err := checkZstd(p, int64(w.limit)); err != nil {
		return err
	}
	w.swallow = true
	return byFasthttp(fasthttp.WriteUnzstd)(w, p)
}

// cappedWriter keeps what is written up to a limit.
type cappedWriter struct {
	b       []byte
	limit   int
	over    bool // more was written
	swallow bool // what is too much is dropped, and not an error
}

var errCapped = errors.New("geist: too much was written")

func (w *cappedWriter) Write(p []byte) (int, error) {
	if w.over = w.over || len(p) > w.limit-len(w.b); !w.over {
		w.b = append(w.b, p...)
		return len(p), nil
	}
	if w.swallow {
		return len(p), nil
	}
	return 0, errCapped
}

// checkZstd walks through the frames of p (RFC 8878 §3.1), without decoding them, and
// refuses what would take much more memory or time than the limit allows.
func checkZstd(p []byte, limit int64) error {
	var most int64 // what the frames may become
	for len(p) > 0 {
		if len(p) < 8 {
			return errCompressed
		}
		magic := binary.LittleEndian.Uint32(p)
		if magic&^0xf == 0x184D2A50 { // skippable
			size := int64(binary.LittleEndian.Uint32(p[4:]))
			if size > int64(len(p)-8) {
				return errCompressed
			}
			p = p[8+size:]
			continue
		}
		f := zstdFrame{p: p[4:]}
		if magic != 0xFD2FB528 || !f.header() {
			return errCompressed
		}
		if f.content > limit || f.window > zstdWindowBytes && f.window > limit {
			return errBodyTooLarge
		}
		if !f.blocks() {
			return errCompressed
		}
		if f.content < 0 {
			f.content = f.most
		}
		if most += f.content; most > zstdOverdo*limit {
			return errBodyTooLarge
		}
		p = f.p
	}
	return nil
}

// zstdFrame is one frame, as far as it has been walked through.
type zstdFrame struct {
	p        []byte // what follows
	window   int64
	content  int64 // as declared; -1 if it is not
	most     int64 // what the blocks may become
	checksum bool
}

// take cuts n bytes off and returns them as a little-endian number.
func (f *zstdFrame) take(n int) (v uint64, ok bool) {
	if len(f.p) < n {
		return 0, false
	}
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(f.p[i])
	}
	f.p = f.p[n:]
	return v, true
}

// header reads the frame header.
func (f *zstdFrame) header() bool {
	d, ok := f.take(1)
	single := d&0x20 != 0
	f.checksum = d&0x04 != 0
	if !ok || d&0x08 != 0 { // reserved
		return false
	}
	if !single {
		w, ok := f.take(1)
		if !ok {
			return false
		}
		base := int64(1) << (10 + w>>3)
		f.window = base + base/8*int64(w&7)
	}
	if _, ok := f.take([]int{0, 1, 2, 4}[d&3]); !ok { // dictionary
		return false
	}
	f.content = -1
	size := []int{0, 2, 4, 8}[d>>6]
	if size == 0 && single {
		size = 1
	}
	if size > 0 {
		n, ok := f.take(size)
		if !ok || n > 1<<62 {
			return false
		}
		f.content = int64(n)
		if size == 2 {
			f.content += 256
		}
	}
	if single {
		f.window = f.content
	}
	return true
}

// blocks passes over the blocks and the checksum.
func (f *zstdFrame) blocks() bool {
	largest := min(max(f.window, 1<<10), 128<<10)
	for last := false; !last; {
		h, ok := f.take(3)
		if !ok {
			return false
		}
		last = h&1 != 0
		size := int64(h >> 3)
		skip := size
		switch h >> 1 & 3 {
		case 0:
			f.most += size
		case 1: // one byte, repeated
			f.most += size
			skip = 1
		case 2:
			f.most += largest
		default:
			return false
		}
		if size > largest || skip > int64(len(f.p)) {
			return false
		}
		f.p = f.p[skip:]
	}
	if f.checksum {
		_, ok := f.take(4)
		return ok
	}
	return true
}
