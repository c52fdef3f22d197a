package geist

import (
	"crypto/rand"
	"strconv"
	"strings"
)

// byteRange is a range of a file, never empty and never beyond its end.
type byteRange struct{ off, n int64 }

// maxRanges bounds the ranges of one request. A request for more gets the whole file,
// as one does whose ranges together are larger than the file: both cost a server
// more than they can be worth to a client (RFC 9110 §14.2).
const maxRanges = 32

// rangeVerdict is what a Range field asks for.
type rangeVerdict uint8

const (
	rangeWhole rangeVerdict = iota // nothing that is understood, or too much: the whole file
	rangeParts
	rangeUnsatisfiable
)

// parseRange reads a Range field for a file of the given size and appends what it
// asks for to dst. A unit other than bytes and malformed fields are ignored, as RFC 9110 §14.2
// has it for the first and allows for the second. Of an empty file every range is the whole.
//
//	"bytes=0-99"      the first hundred     "bytes=-100"    the last hundred
//	"bytes=100-"      all but those         "bytes=0-0,-1"  the first and the last byte
func parseRange(dst []byteRange, field string, size int64) ([]byteRange, rangeVerdict) {
	unit, set, ok := strings.Cut(field, "=")
	if !ok || !equalFold(strings.Trim(unit, " \t"), "bytes") {
		return nil, rangeWhole
	}
	specs, total := 0, int64(0)
	for more := true; more; {
		var spec string
		spec, set, more = strings.Cut(set, ",")
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		r, ok := parseRangeSpec(spec, size)
		if specs++; !ok || specs > maxRanges {
			return nil, rangeWhole
		}
		if r.n > 0 {
			dst, total = append(dst, r), total+r.n
		}
	}
	switch {
	case specs == 0 || size == 0 || total > size:
		return nil, rangeWhole
	case len(dst) == 0:
		return nil, rangeUnsatisfiable
	}
	return dst, rangeParts
}

// parseRangeSpec reads "first-last", "first-" or "-suffix". A range that does not
// touch the file has no length.
func parseRangeSpec(spec string, size int64) (r byteRange, ok bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return r, false
	}
	first, last = strings.Trim(first, " \t"), strings.Trim(last, " \t")
	if first == "" {
		n, ok := parsePosition(last)
		n = min(n, size)
		return byteRange{size - n, n}, ok
	}
	from, ok := parsePosition(first)
	if !ok {
		return r, false
	}
	to := size - 1
	if last != "" {
		end, ok := parsePosition(last)
		if !ok || end < from {
			return r, false
		}
		to = min(to, end)
	}
	if from >= size {
		return r, true
	}
	return byteRange{from, to - from + 1}, true
}

// parsePosition reads digits. What is too large for an int64 is beyond any file all the same.
func parsePosition(s string) (n int64, ok bool) {
	const most = 1<<63 - 1
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		if n > (most-int64(d))/10 {
			n = most
			continue
		}
		n = n*10 + int64(d)
	}
	return n, s != ""
}

// part is a piece of a body: bytes, and behind them a range of the file.
type part struct {
	head []byte
	byteRange
}

// multipartRanges lays out a multipart/byteranges body (RFC 9110 §14.6). It returns
// its parts, its length and its content type.
func multipartRanges(ranges []byteRange, size int64, mime string) (parts []part, total int64, contentType string) {
	boundary := rand.Text()
	start := "--"
	for _, r := range ranges {
		b := append([]byte(start), boundary...)
		b = append(b, "\r\nContent-Range: "...)
		b = r.appendContentRange(b, size)
		if mime != "" {
			b = append(append(b, "\r\nContent-Type: "...), mime...)
		}
		b = append(b, "\r\n\r\n"...)
		parts = append(parts, part{b, r})
		total += int64(len(b)) + r.n
		start = "\r\n--"
	}
	end := []byte(start + boundary + "--\r\n")
	return append(parts, part{head: end}), total + int64(len(end)), "multipart/byteranges; boundary=" + boundary
}

// appendContentRange appends the value of a Content-Range field.
func (r byteRange) appendContentRange(b []byte, size int64) []byte {
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, r.off, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, r.off+r.n-1, 10)
	b = append(b, '/')
	return strconv.AppendInt(b, size, 10)
}
