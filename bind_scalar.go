package geist

import (
	"encoding"
	"fmt"
	"math"
	"mime/multipart"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/internal/unsafestring"
)

// op says what a setter does.
type op uint8

const (
	opString op = iota
	opBool
	opInt
	opUint
	opFloat
	opDuration
	opTime
	opText    // encoding.TextUnmarshaler
	opBytes   // []byte takes the text as it is
	opAny     // an empty interface gets a string
	opPointer // allocates its element
	opOpt     // an Opt of its element
	opSlice   // appends its element
	opFile    // *multipart.FileHeader
	opFiles   // []*multipart.FileHeader
)

// setter turns text into a value of one type. It is made once and never written to
// again.
//
//	Opt[[]int] → opOpt → opSlice → opInt
type setter struct {
	op    op
	bits  int
	elem  *setter
	time  timeFormat
	comma bool // opSlice: the text is a list
}

// timeFormat is how a time is written in a request.
type timeFormat struct {
	layout string
	unit   time.Duration // of a number since 1970; 0 if it is no number
	loc    *time.Location
}

var (
	typeTime       = reflect.TypeFor[time.Time]()
	typeDuration   = reflect.TypeFor[time.Duration]()
	typeText       = reflect.TypeFor[encoding.TextUnmarshaler]()
	typeOptional   = reflect.TypeFor[optional]()
	typeFileHeader = reflect.TypeFor[*multipart.FileHeader]()
)

// newSetter returns the setter of a type, or nil if text cannot become one. Long on
// purpose: a case a kind.
func newSetter(t reflect.Type, layout timeFormat) *setter {
	switch {
	case t == typeFileHeader:
		return &setter{op: opFile}
	case t == typeTime:
		return &setter{op: opTime, time: layout}
	case t == typeDuration:
		return &setter{op: opDuration}
	case isOpt(t):
		return wrapSetter(opOpt, t.Field(optValue).Type, layout)
	case reflect.PointerTo(t).Implements(typeText):
		return &setter{op: opText}
	}
	switch t.Kind() {
	case reflect.String:
		return &setter{op: opString}
	case reflect.Bool:
		return &setter{op: opBool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &setter{op: opInt, bits: t.Bits()}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &setter{op: opUint, bits: t.Bits()}
	case reflect.Float32, reflect.Float64:
		return &setter{op: opFloat, bits: t.Bits()}
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return &setter{op: opAny}
		}
	case reflect.Pointer:
		return wrapSetter(opPointer, t.Elem(), layout)
	case reflect.Slice:
		if t.Elem() == typeFileHeader {
			return &setter{op: opFiles}
		}
		if t.Elem().Kind() == reflect.Uint8 {
			return &setter{op: opBytes}
		}
		return wrapSetter(opSlice, t.Elem(), layout)
	}
	return nil
}

// wrapSetter puts an operation around the setter of an element. A slice of slices
// and a pointer to a file have no meaning in text.
func wrapSetter(o op, elem reflect.Type, layout timeFormat) *setter {
	s := newSetter(elem, layout)
	if s == nil || s.op >= opFile || o == opSlice && s.many() {
		return nil
	}
	return &setter{op: o, elem: s}
}

// isOpt reports whether t is an Opt, and not a struct that embeds one.
func isOpt(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Implements(typeOptional) && t.NumField() == optNull+1 && !t.Field(optValue).Anonymous
}

// many reports whether a setter takes every value of a name, not only the first.
func (s *setter) many() bool {
	for ; s != nil; s = s.elem {
		if s.op == opSlice {
			return true
		}
	}
	return false
}

// leaf returns the innermost setter.
func (s *setter) leaf() *setter {
	for s.elem != nil {
		s = s.elem
	}
	return s
}

// text is a value as it was sent, decoded. Its bytes are borrowed.
type text struct {
	b     []byte
	c     *Ctx // whose arena keeps strings; nil for defaults, which are constants
	moved bool // b is a buffer that the next value overwrites, not the request itself
	kept  bool // b is what Ctx.Param has returned, a string of its own already
}

// string returns the text as a string that stays valid, as [Ctx.Query] does.
func (t text) string() string {
	if t.kept {
		return unsafestring.String(t.b)
	}
	if t.c == nil || t.moved && t.c.server.set.UnsafeStrings {
		return string(t.b)
	}
	return t.c.keep(t.b)
}

// set parses t into v and reports whether it could. Long on purpose: a case an
// operation.
func (s *setter) set(v reflect.Value, t text) bool {
	switch s.op {
	case opString:
		v.SetString(t.string())
	case opInt:
		n, err := strconv.ParseInt(unsafestring.String(t.b), 10, s.bits)
		if err != nil {
			return false
		}
		v.SetInt(n)
	case opBool:
		b, ok := parseBool(t.b)
		if !ok {
			return false
		}
		v.SetBool(b)
	case opUint:
		n, err := strconv.ParseUint(unsafestring.String(t.b), 10, s.bits)
		if err != nil {
			return false
		}
		v.SetUint(n)
	case opFloat:
		f, err := strconv.ParseFloat(unsafestring.String(t.b), s.bits)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return false // a NaN would pass every comparison that should refuse it
		}
		v.SetFloat(f)
	case opDuration:
		d, err := time.ParseDuration(unsafestring.String(t.b))
		if err != nil {
			return false
		}
		v.SetInt(int64(d))
	case opTime:
		at, ok := s.time.parse(t.b)
		if !ok {
			return false
		}
		*v.Addr().Interface().(*time.Time) = at
	case opText:
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(t.b) == nil
	case opBytes:
		v.SetBytes(append([]byte{}, t.b...))
	case opAny:
		v.Set(reflect.ValueOf(t.string()))
	case opPointer:
		return s.setPointer(v, t)
	case opOpt:
		if !s.elem.set(v.Field(optValue), t) {
			return false
		}
		v.Field(optSet).SetBool(t.c != nil) // a default is not set
		v.Field(optNull).SetBool(false)
	case opSlice:
		return s.add(v, t)
	default:
		return false
	}
	return true
}

// setPointer sets a new element, so that what v points to now, which may be shared,
// is never written to. Only a pointer to a slice is filled further.
func (s *setter) setPointer(v reflect.Value, t text) bool {
	if s.elem.many() && !v.IsNil() {
		return s.elem.set(v.Elem(), t)
	}
	p := reflect.New(v.Type().Elem())
	if !s.elem.set(p.Elem(), t) {
		return false
	}
	v.Set(p)
	return true
}

// add appends to a slice: one element, or each of a list.
func (s *setter) add(v reflect.Value, t text) bool {
	if !s.comma {
		return s.append(v, t)
	}
	rest, more := t.b, true
	for more {
		var one []byte
		one, rest, more = cutComma(rest)
		if !s.append(v, text{b: one, c: t.c, moved: t.moved}) {
			return false
		}
	}
	return true
}

func (s *setter) append(v reflect.Value, t text) bool {
	n := v.Len()
	v.Grow(1)
	v.SetLen(n + 1)
	return s.elem.set(v.Index(n), t)
}

// cutComma cuts the first entry off a list. Space around entries is not part of them.
func cutComma(b []byte) (one, rest []byte, more bool) {
	s, after, more := strings.Cut(unsafestring.String(b), ",")
	return unsafestring.Bytes(strings.TrimSpace(s)), unsafestring.Bytes(after), more
}

// parseBool accepts what strconv.ParseBool does, and "on" and "off": browsers send
// on for a box that is ticked.
func parseBool(b []byte) (value, ok bool) {
	switch string(b) {
	case "on":
		return true, true
	case "off":
		return false, true
	}
	value, err := strconv.ParseBool(unsafestring.String(b))
	return value, err == nil
}

// parse reads a time, by default RFC 3339.
func (f *timeFormat) parse(b []byte) (time.Time, bool) {
	if f.unit != 0 {
		n, err := strconv.ParseInt(unsafestring.String(b), 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		per := int64(time.Second / f.unit)
		return time.Unix(n/per, n%per*int64(f.unit)).In(f.zone()), true
	}
	layout := f.layout
	if layout == "" {
		layout = time.RFC3339
	}
	at, err := time.ParseInLocation(layout, unsafestring.String(b), f.zone())
	return at, err == nil
}

func (f *timeFormat) zone() *time.Location {
	if f.loc == nil {
		return time.UTC
	}
	return f.loc
}

// newTimeFormat reads the layout tag, and Gin's time_format and time_location.
// A time without a zone in it is UTC unless a location is named.
func newTimeFormat(tag reflect.StructTag) (f timeFormat, set bool, err error) {
	layout, ok := tag.Lookup("layout")
	if !ok {
		layout, ok = tag.Lookup("time_format")
	}
	if name := tag.Get("time_location"); name != "" {
		if f.loc, err = time.LoadLocation(name); err != nil {
			return f, ok, fmt.Errorf("time_location %q is not known", name)
		}
	}
	switch strings.ToLower(layout) {
	case "unix":
		f.unit = time.Second
	case "unixmilli":
		f.unit = time.Millisecond
	case "unixmicro":
		f.unit = time.Microsecond
	case "unixnano":
		f.unit = time.Nanosecond
	default:
		f.layout = layout
	}
	return f, ok, nil
}

// want says what a value should have been, never what it was.
func (s *setter) want() string {
	switch s.op {
	case opBool:
		return "must be true or false"
	case opInt:
		return wantInt
	case opUint:
		return wantUint
	case opFloat:
		return wantFloat
	case opDuration:
		return "must be a duration such as 1h30m"
	case opTime:
		return s.time.want()
	case opFile, opFiles:
		return "must be a file"
	}
	return wantForm
}

// What fields are told to be.
const (
	wantInt   = "must be a whole number in range"
	wantUint  = "must be a whole number, zero or more, in range"
	wantFloat = "must be a number in range"
	wantForm  = "is not of the expected form"
)

func (f *timeFormat) want() string {
	switch {
	case f.unit != 0:
		return "must be a time as a number since 1970"
	case f.layout != "":
		return "must be a time such as " + time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Format(f.layout)
	}
	return "must be a time such as 2006-01-02T15:04:05Z"
}
