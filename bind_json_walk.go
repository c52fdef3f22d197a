package geist

import (
	stdjson "encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gogeist/geist/internal/unsafestring"
)

// jsonWalk goes over a JSON text beside the type that it was meant for, and collects
// every problem. It runs when a codec has refused the text, and where the fast
// path cannot tell: for Config.StrictJSON, required fields that are zero, and types
// with hidden fields inside documents. The text must be valid JSON within the depth
// limit. Its time is linear.
type jsonWalk struct {
	b       *binding
	data    []byte
	pointer []byte // JSON Pointer of the value at hand, as a URI fragment
	cuts    []cut  // members that must not reach the codec
	quiet   bool   // only cuts, and what was sent, are wanted
	leaves  int    // values that the codec has judged
	types   map[reflect.Type]walkType
}

// cut is a range of the text.
type cut struct{ from, to int }

// problem reports a problem of the value at hand.
func (w *jsonWalk) problem(detail string) {
	if !w.quiet && len(w.b.problems) < maxProblems {
		w.b.problems = append(w.b.problems, FieldError{Pointer: string(w.pointer), Detail: detail})
	}
}

// maxPointerKey bounds the part of a pointer that one key of a client makes up.
const maxPointerKey = 64

// into makes pointer that of a member or element; its result undoes it.
func (w *jsonWalk) into(key string) (back int) {
	back = len(w.pointer)
	if len(key) > maxPointerKey {
		key = strings.ToValidUTF8(key[:maxPointerKey], "") + "…"
	}
	w.pointer = appendPointer(w.pointer, key)
	return back
}

// appendPointer appends a reference token of a JSON Pointer in its form as a URI
// fragment, RFC 6901 §6.
func appendPointer(dst []byte, token string) []byte {
	dst = append(dst, '/')
	for i := range len(token) {
		switch b := token[i]; {
		case b == '~':
			dst = append(dst, "~0"...)
		case b == '/':
			dst = append(dst, "~1"...)
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("-._!$&'()*+,;=:@?", b) >= 0:
			dst = append(dst, b)
		default:
			dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
		}
	}
	return dst
}

// walkType is what the walk asks of a type again and again.
type walkType struct {
	typ  reflect.Type // what pointers and an Opt lead to
	how  decoding
	null bool // null is a value, for the type decodes it itself
}

// decoding says who reads values of a type.
type decoding uint8

const (
	byKind decoding = iota
	byText
	byMethod
	byVariant
)

func (w *jsonWalk) look(t reflect.Type) walkType {
	if known, ok := w.types[t]; ok {
		return known
	}
	at := t
	for at.Kind() == reflect.Pointer && !decodesItself(at.Elem()) || isOpt(at) || at.Kind() == reflect.Pointer && isOpt(at.Elem()) {
		if at.Kind() == reflect.Pointer {
			at = at.Elem()
		} else {
			at = at.Field(optValue).Type
		}
	}
	if at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	known := walkType{typ: at}
	switch p := reflect.PointerTo(at); {
	case isOneOf(at):
		known.how = byVariant
	case p.Implements(typeUnmarshaler):
		known.how, known.null = byMethod, t == at
	case p.Implements(typeText):
		known.how = byText
	}
	if w.types == nil {
		w.types = map[reflect.Type]walkType{}
	}
	w.types[t] = known
	return known
}

// value checks the value at i against a type and returns the place behind it.
func (w *jsonWalk) value(t reflect.Type, i int) (end int) {
	i = space(w.data, i)
	if !w.quiet && len(w.b.problems) >= maxProblems {
		return skipValue(w.data, i)
	}
	to := w.look(t)
	switch first := w.data[i]; {
	case first == 'n' && !to.null:
		return skipValue(w.data, i) // it changes nothing
	case to.how == byMethod:
		return w.leaf(to.typ, i)
	case to.how == byVariant:
		return w.variant(to.typ, first, i)
	case to.how == byKind:
		return w.kind(to.typ, first, i)
	case first == '"':
		return w.leaf(to.typ, i)
	default:
		return w.wrong("must be a string", i)
	}
}

// wrong reports a value of the wrong kind and skips it.
func (w *jsonWalk) wrong(detail string, i int) (end int) {
	w.problem(detail)
	return skipValue(w.data, i)
}

// variant checks a value against the type that a member of it tells.
func (w *jsonWalk) variant(t reflect.Type, first byte, i int) (end int) {
	if first != '{' {
		return w.wrong("must be an object", i)
	}
	member, types := variantsOf(t)
	one, problem := variantAt(w.data, i, member, types)
	if problem != "" {
		back := w.into(member)
		w.problem(problem)
		w.pointer = w.pointer[:back]
		return skipValue(w.data, i)
	}
	return w.kind(structType(one), first, i)
}

// kind is value for types that no method decodes. Containers find their end
// themselves: skipping them first would make the time quadratic in the depth.
func (w *jsonWalk) kind(t reflect.Type, first byte, i int) (end int) {
	switch t.Kind() {
	case reflect.Struct:
		return w.object(t, first, i)
	case reflect.Map:
		return w.entries(t, first, i)
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && first == '"' {
			return w.leaf(t, i)
		}
		return w.elements(t, first, i)
	case reflect.String:
		if t == typeNumber {
			return w.leaf(t, i)
		}
		if first != '"' {
			return w.wrong("must be a string", i)
		}
	case reflect.Bool:
		if first != 't' && first != 'f' {
			return w.wrong("must be true or false", i)
		}
	default:
		return w.scalar(t, i)
	}
	return skipValue(w.data, i)
}

var typeNumber = reflect.TypeFor[stdjson.Number]()

// scalar checks a number, and what only the codec can judge.
func (w *jsonWalk) scalar(t reflect.Type, i int) (end int) {
	end = skipValue(w.data, i)
	token := unsafestring.String(w.data[i:end])
	var err error
	switch k := t.Kind(); {
	case reflect.Int <= k && k <= reflect.Int64:
		if _, err = strconv.ParseInt(token, 10, t.Bits()); err != nil {
			w.problem(wantInt)
		}
	case reflect.Uint <= k && k <= reflect.Uintptr:
		if _, err = strconv.ParseUint(token, 10, t.Bits()); err != nil {
			w.problem(wantUint)
		}
	case k == reflect.Float32 || k == reflect.Float64:
		if _, err = strconv.ParseFloat(token, t.Bits()); err != nil {
			w.problem(wantFloat)
		}
	default:
		return w.leaf(t, i)
	}
	return end
}

// maxLeaves bounds the values that are decoded once more, one by one, to find which of
// them is wrong. In a body of a million small ones only the whole is reported.
const maxLeaves = 10_000

// leaf lets the codec decode one value.
func (w *jsonWalk) leaf(t reflect.Type, i int) (end int) {
	end = skipValue(w.data, i)
	w.leaves++
	switch {
	case w.quiet || w.leaves > maxLeaves || w.b.c.codec().Decode(w.data[i:end], reflect.New(t).Interface()) == nil:
	case t == typeTime:
		w.problem((&timeFormat{}).want())
	default:
		w.problem(wantForm)
	}
	return end
}

// object checks the members of an object at i.
func (w *jsonWalk) object(t reflect.Type, first byte, i int) (end int) {
	if first != '{' {
		return w.wrong("must be an object", i)
	}
	tab, err := w.b.c.server.table(t)
	if err != nil {
		return skipValue(w.data, i) // reported when it was bound
	}
	outermost := len(w.pointer) == 1 && tab == w.b.t
	var small [64]bool
	sent := small[:]
	if len(tab.fields) > len(sent) {
		sent = make([]bool, len(tab.fields))
	}
	last := i // the brace, or the place behind the last member that stays
	end = eachMember(w.data, i, func(key string, from, value int) int {
		f := tab.member(key)
		if f == nil || f.hidden {
			end := skipValue(w.data, value)
			if f != nil {
				w.cut(last, from, end)
			} else {
				last = end
			}
			w.unknown(key)
			return end
		}
		back := w.into(key)
		if w.data[value] != 'n' || isOpt(f.typ) {
			sent[f.row] = true
			if outermost {
				w.b.seen[f.row] = sentInBody
			}
		}
		last = w.member(f, value)
		w.pointer = w.pointer[:back]
		return last
	})
	if outermost {
		return end // other parts of the request may hold what is required
	}
	for _, f := range tab.required {
		if f.member != "" && !f.hidden && !sent[f.row] {
			back := w.into(f.member)
			w.problem(detailRequired)
			w.pointer = w.pointer[:back]
		}
	}
	return end
}

// cut notes that a member is to be left out, with the comma in front of it or, where
// no member before it stays, behind it.
func (w *jsonWalk) cut(last, from, end int) {
	if w.data[last] == '{' {
		if next := space(w.data, end); w.data[next] == ',' {
			end = next + 1
		}
		w.cuts = append(w.cuts, cut{from, end})
		return
	}
	w.cuts = append(w.cuts, cut{last, end})
}

func (w *jsonWalk) unknown(key string) {
	if w.b.c.engine.set.StrictJSON {
		back := w.into(key)
		w.problem("is not a field of this request")
		w.pointer = w.pointer[:back]
	}
}

// member checks a member's value.
func (w *jsonWalk) member(f *field, i int) (end int) {
	if !f.quoted {
		return w.value(f.typ, i)
	}
	end = skipValue(w.data, i)
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case k == reflect.Bool, reflect.Int <= k && k <= reflect.Uintptr, k == reflect.Float32, k == reflect.Float64:
		if w.data[i] == 'n' {
			return end
		}
		inner := appendUnquoted(nil, w.data[i+1:max(i+1, end-1)])
		if w.data[i] != '"' || !stdjson.Valid(inner) {
			w.problem("must be a number or truth value in a string")
			return end
		}
		sub := jsonWalk{b: w.b, data: inner, pointer: w.pointer, quiet: w.quiet}
		sub.value(t, 0)
	case k == reflect.String:
		if w.data[i] != '"' && w.data[i] != 'n' {
			w.problem("must be a string")
		}
	default:
		return w.value(f.typ, i)
	}
	return end
}

// entries checks the object that becomes a map.
func (w *jsonWalk) entries(t reflect.Type, first byte, i int) (end int) {
	if first != '{' {
		return w.wrong("must be an object", i)
	}
	return eachMember(w.data, i, func(key string, _, value int) int {
		back := w.into(key)
		defer func() { w.pointer = w.pointer[:back] }()
		if !validMapKey(t.Key(), key) {
			w.problem("has a key that " + wantForm)
		}
		return w.value(t.Elem(), value)
	})
}

func validMapKey(t reflect.Type, key string) bool {
	s := newSetter(t, timeFormat{})
	return s == nil || s.set(reflect.New(t).Elem(), text{b: []byte(key)})
}

// elements checks an array.
func (w *jsonWalk) elements(t reflect.Type, first byte, i int) (end int) {
	if first != '[' {
		return w.wrong("must be an array", i)
	}
	n := 0
	for i = space(w.data, i+1); w.data[i] != ']'; n++ {
		if t.Kind() == reflect.Array && n >= t.Len() {
			i = space(w.data, skipValue(w.data, i)) // dropped
		} else {
			back := len(w.pointer)
			w.pointer = strconv.AppendInt(append(w.pointer, '/'), int64(n), 10)
			i = space(w.data, w.value(t.Elem(), i))
			w.pointer = w.pointer[:back]
		}
		if w.data[i] == ',' {
			i = space(w.data, i+1)
		}
	}
	return i + 1
}

// member returns the row that a codec takes for a key: the one of that name, else
// the first that differs in case only.
func (tab *fieldTable) member(key string) *field {
	for _, f := range tab.members {
		if f.member == key {
			return f
		}
	}
	for _, f := range tab.members {
		if strings.EqualFold(f.member, key) {
			return f
		}
	}
	return nil
}

// without returns data without the cuts, which are in order.
func without(data []byte, cuts []cut) []byte {
	out := make([]byte, 0, len(data))
	at := 0
	for _, c := range cuts {
		if c.from > at {
			out = append(out, data[at:c.from]...)
		}
		at = max(at, c.to)
	}
	return append(out, data[at:]...)
}

// eachMember calls f for every member of the object at i: with the place of its key
// and that of its value. f returns the place behind the value, eachMember that behind
// the object.
func eachMember(data []byte, i int, f func(key string, from, value int) int) (end int) {
	for i = space(data, i+1); data[i] != '}'; {
		from := i
		end, escaped := stringEnd(data, i+1)
		key := unsafestring.String(data[i+1 : end])
		if escaped {
			key = string(appendUnquoted(nil, data[i+1:end]))
		}
		i = space(data, end+1)
		i = space(data, f(key, from, space(data, i+1)))
		if data[i] == ',' {
			i = space(data, i+1)
		}
	}
	return i + 1
}

// space skips white space.
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the place behind the value at i of a valid text.
func skipValue(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			i, _ = stringEnd(data, i+1)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// appendUnquoted appends the text of a JSON string, given without its quotes. What is
// no escape stands for itself; a lone surrogate becomes U+FFFD, as codecs read it.
func appendUnquoted(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hexRune(s[i+1:])
			if !ok {
				return append(dst, s[i:]...)
			}
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if i+2 < len(s) && s[i+1] == '\\' && s[i+2] == 'u' {
					if low, ok := hexRune(s[i+3:]); ok {
						pair = utf16.DecodeRune(r, low)
					}
				}
				if r = pair; r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

func hexRune(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(unsafestring.String(s[:4]), 16, 16)
	return rune(n), err == nil
}
