package geist

import (
	"encoding/binary"
	stdjson "encoding/json"
	"errors"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// json binds a JSON document.
func (b *binding) json(data []byte) error {
	b.data = data
	if err := b.scanJSON(data); err != nil {
		return err
	}
	t := b.t
	if t.rereads && t.again && len(data)*depthOf(data) > maxReread {
		return errJSONDepth
	}
	clean := data
	if t.deepCover && stdjson.Valid(data) {
		if w := b.walk(data, true); len(w.cuts) > 0 {
			clean = without(data, w.cuts)
		}
	}
	err := b.decode(b.c.codec(), clean, t.coverJSON)
	if err == nil && !t.deepNeeds && !b.c.engine.set.StrictJSON && (t.leaf && !t.oneOf || !isNull(data)) {
		return nil
	}
	return b.explainJSON(data, err)
}

func isNull(data []byte) bool {
	i := space(data, 0)
	return i < len(data) && data[i] == 'n'
}

// scan refuses what codecs let pass.
func (b *binding) scanJSON(data []byte) error {
	found, at := b.scan.run(data, b.c.server.set.MaxJSONDepth)
	b.scan.release()
	switch found {
	case scanClean:
		return nil
	case scanDuplicate:
		return errJSONDuplicate.With("errors", FieldErrors{{Pointer: pointerAt(data, at), Detail: "occurs twice"}})
	case scanDeep:
		return errJSONDepth
	default:
		return errJSONLong
	}
}

// explainJSON collects the problems of a text that was decoded with or without an
// error.
func (b *binding) explainJSON(data []byte, err error) error {
	if err != nil {
		if e := asError(err); e != nil {
			return e
		}
	}
	if !stdjson.Valid(data) {
		if err := b.readable(); err != nil {
			return err
		}
		return b.jsonSyntax(data)
	}
	before := len(b.problems)
	w := b.walk(data, false)
	if (!b.t.leaf || b.t.oneOf) && isNull(data) {
		w.problem("must be an object")
	}
	if err == nil || len(b.problems) > before {
		return nil
	}
	if len(w.cuts) > 0 { // the codec may have stumbled over hidden members only
		if err = b.decode(b.c.codec(), without(data, w.cuts), b.t.coverJSON); err == nil {
			return nil
		}
	}
	w.problem(wantForm)
	return nil
}

// walk goes over a document that is valid JSON.
func (b *binding) walk(data []byte, quiet bool) *jsonWalk {
	w := &jsonWalk{b: b, data: data, pointer: []byte{'#'}, quiet: quiet}
	w.value(b.t.typ, 0)
	return w
}

// jsonSyntax says where a text stops being JSON, never what stands there.
func (b *binding) jsonSyntax(data []byte) error {
	var raw stdjson.RawMessage
	err := stdjson.Unmarshal(data, &raw)
	if e, ok := errors.AsType[*stdjson.SyntaxError](err); ok {
		if int(e.Offset) >= len(data) {
			return errJSONSyntax.With("detail", "the body ends within a JSON value")
		}
		return errJSONSyntax.With("detail", "the body is not valid JSON from byte "+strconv.FormatInt(e.Offset, 10)+" on")
	}
	return errJSONSyntax
}

// jsonScan looks over a JSON text before a codec does, for what codecs let pass:
// depth beyond a limit, and keys that occur twice in one object, of which some parsers
// take the first and others the last, so that two programs read different things.
// It takes one pass; what is not JSON is left to the codec to find. It is kept from
// request to request.
//
// Keys of the objects that are open lie on one stack. An object compares a new key
// with each of its own, by length and first eight bytes; from manyKeys keys on it has
// a hash table. So the time is linear, and the memory at most 40 bytes a key of
// objects that are open at once (BenchmarkBind_scan).
type jsonScan struct {
	keys []scanKey
	open []scanFrame
	aux  []byte // keys that are not plain ASCII, decoded
	seed maphash.Seed
}

// scanKey is a key: at is its place in the text, or behind it, in aux.
type scanKey struct {
	head   uint64 // its first eight bytes
	at, to uint32
}

// scanFrame is an object or array that is open.
type scanFrame struct {
	first  int32 // its first key; -1 for an array
	hashes []uint32
}

const (
	manyKeys     = 24
	keptScanKeys = 512 // kept for the next request; more are released
)

// What a scan finds.
type scanResult uint8

const (
	scanClean scanResult = iota
	scanDuplicate
	scanDeep
	scanLong // more than places can count
)

// run scans data. at is the place of what it found. Long on purpose: the loop that
// every JSON body passes through.
func (s *jsonScan) run(data []byte, maxDepth int) (found scanResult, at int) {
	s.keys, s.open, s.aux = s.keys[:0], s.open[:0], s.aux[:0]
	if len(data) > math.MaxInt32 {
		return scanLong, 0
	}
	inObject, wantKey := false, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			end, escaped := stringEnd(data, i+1)
			if end < 0 {
				return scanClean, 0
			}
			if wantKey {
				wantKey = false
				if !s.add(data, i+1, end, escaped) {
					return scanDuplicate, i
				}
			}
			i = end
		case ',':
			wantKey = inObject
		case '{':
			if len(s.open) == maxDepth {
				return scanDeep, i
			}
			s.open = append(s.open, scanFrame{first: int32(len(s.keys))})
			inObject, wantKey = true, true
		case '[':
			if len(s.open) == maxDepth {
				return scanDeep, i
			}
			s.open = append(s.open, scanFrame{first: -1})
			inObject, wantKey = false, false
		case '}', ']':
			n := len(s.open) - 1
			if n < 0 {
				return scanClean, 0
			}
			if first := s.open[n].first; first >= 0 {
				s.keys = s.keys[:first]
			}
			s.open[n].hashes = nil
			s.open = s.open[:n]
			inObject, wantKey = n > 0 && s.open[n-1].first >= 0, false
		}
	}
	return scanClean, 0
}

// release gives back what a large text has grown.
func (s *jsonScan) release() {
	if cap(s.keys) > keptScanKeys {
		s.keys = nil
	}
	if cap(s.aux) > keptScanKeys {
		s.aux = nil
	}
	clear(s.open)
	if cap(s.open) > keptScanKeys/8 {
		s.open = nil
	}
}

// stringEnd returns the place of the quote that ends the string whose text begins
// at i, or -1, and whether there are escapes in it. It takes eight bytes a step: a
// zero byte of x, which marks a quote, is what borrows from its top bit in x-lowBits;
// a bit above the first zero byte may be set wrongly, the lowest never is.
func stringEnd(data []byte, i int) (end int, escaped bool) {
	for i < len(data) {
		if i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			q, e := w^quotes, w^backslashes
			hits := ((q-lowBits)&^q | (e-lowBits)&^e) & highBits
			if hits == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hits) / 8
		}
		switch data[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
		i++
	}
	return -1, escaped
}

const (
	quotes      = '"' * lowBits
	backslashes = '\\' * lowBits
)

// add notes a key of the innermost object and reports whether it is new.
func (s *jsonScan) add(data []byte, from, to int, escaped bool) bool {
	k := scanKey{head: head(data, from, to)}
	if escaped || k.head&highBits != 0 || to-from > 8 && !isASCII(data[from:to]) {
		from, to = s.decode(data, from, to)
		k.head = head(s.aux, from-len(data), to-len(data))
	}
	k.at, k.to = uint32(from), uint32(to)
	f := &s.open[len(s.open)-1]
	own := s.keys[f.first:]
	if len(own) >= manyKeys {
		return s.addHashed(data, f, k)
	}
	for i := range own {
		if o := &own[i]; o.head == k.head && o.to-o.at == k.to-k.at && (k.to-k.at <= 8 || s.same(data, *o, k)) {
			return false
		}
	}
	s.keys = append(s.keys, k)
	return true
}

// decode appends a key to aux, as codecs read it: without escapes, and with U+FFFD
// for each byte that is no UTF-8. It returns its place as if aux followed the text.
func (s *jsonScan) decode(data []byte, from, to int) (int, int) {
	start := len(s.aux)
	s.aux = appendUnquoted(s.aux, data[from:to])
	if key := s.aux[start:]; !utf8.Valid(key) {
		s.aux = s.aux[:start]
		for _, r := range string(key) {
			s.aux = utf8.AppendRune(s.aux, r)
		}
	}
	return len(data) + start, len(data) + len(s.aux)
}

// head returns the first eight bytes of b[from:to] as a number, zeroes behind.
func head(b []byte, from, to int) uint64 {
	n := to - from
	if from+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[from:])
		if n < 8 {
			w &= 1<<(8*n) - 1
		}
		return w
	}
	var w uint64
	for i := min(n, 8) - 1; i >= 0; i-- {
		w = w<<8 | uint64(b[from+i])
	}
	return w
}

func (s *jsonScan) text(data []byte, k scanKey) []byte {
	if int(k.at) >= len(data) {
		return s.aux[int(k.at)-len(data) : int(k.to)-len(data)]
	}
	return data[k.at:k.to]
}

func (s *jsonScan) same(data []byte, a, b scanKey) bool {
	return string(s.text(data, a)) == string(s.text(data, b))
}

// addHashed is add for an object with many keys. Its table holds positions in keys,
// plus one, and is at most half full.
func (s *jsonScan) addHashed(data []byte, f *scanFrame, k scanKey) bool {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	if own := len(s.keys) - int(f.first); 2*(own+1) > len(f.hashes) {
		f.hashes = make([]uint32, max(4*manyKeys, 2*len(f.hashes)))
		for i := int(f.first); i < len(s.keys); i++ {
			slot, _ := s.slot(data, f, s.keys[i])
			f.hashes[slot] = uint32(i) + 1
		}
	}
	slot, taken := s.slot(data, f, k)
	if taken {
		return false
	}
	s.keys = append(s.keys, k)
	f.hashes[slot] = uint32(len(s.keys))
	return true
}

// slot returns where a key is in an object's table, or where it may be put.
func (s *jsonScan) slot(data []byte, f *scanFrame, k scanKey) (slot uint64, taken bool) {
	n := uint64(len(f.hashes))
	slot = maphash.Bytes(s.seed, s.text(data, k)) % n
	for f.hashes[slot] != 0 {
		if s.same(data, s.keys[f.hashes[slot]-1], k) {
			return slot, true
		}
		slot = (slot + 1) % n
	}
	return slot, false
}

// pointerAt returns the JSON Pointer of the key at a place that a scan has stopped at.
func pointerAt(data []byte, at int) string {
	type frame struct {
		object bool
		key    []byte
		n      int
	}
	var open []frame
	wantKey := false
	for i := 0; i <= at; i++ {
		n := len(open) - 1
		switch data[i] {
		case '"':
			end, _ := stringEnd(data, i+1)
			if wantKey {
				open[n].key, wantKey = data[i+1:end], false
			}
			i = end
		case ',':
			if n >= 0 { // the text need not be JSON
				open[n].n++
				wantKey = open[n].object
			}
		case '{', '[':
			wantKey = data[i] == '{'
			open = append(open, frame{object: wantKey})
		case '}', ']':
			open, wantKey = open[:n], false
		}
	}
	w := jsonWalk{pointer: []byte{'#'}}
	for _, f := range open {
		if f.object {
			w.into(string(appendUnquoted(nil, f.key)))
		} else {
			w.into(strconv.Itoa(f.n))
		}
	}
	return string(w.pointer)
}
