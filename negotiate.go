package geist

import (
	"encoding"
	"errors"
	"fmt"
	"html"
	"maps"
	"reflect"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// offer is a form that Negotiate can answer in.
type offer struct {
	media   string // in lower case, without parameters
	content string // the Content-Type
	text    bool   // only for values that have a text
	codec   Codec  // nil: the text itself
}

// makeOffers lists what an engine can answer with, the preferred first.
func makeOffers(cfg *Config) []offer {
	offers := []offer{
		{media: mimeJSON, content: mimeJSON, codec: cfg.JSON},
		{media: mimeXML, content: mimeXMLUTF8, codec: cfg.Codecs[mimeXML]},
	}
	for _, o := range []offer{{media: "text/plain", content: mimeText, text: true}, {media: "text/html", content: mimeHTML, text: true}} {
		if cfg.Codecs[o.media] == nil {
			offers = append(offers, o)
		}
	}
	for _, media := range slices.Sorted(maps.Keys(cfg.Codecs)) {
		if media == mimeXML {
			continue
		}
		o := offer{media: media, content: media, codec: cfg.Codecs[media]}
		if o.codec == XML() {
			o.content += "; charset=utf-8"
		}
		offers = append(offers, o)
	}
	return offers
}

// usualOffers is how many offers are ranked without an allocation.
const usualOffers = 16

// Negotiate answers with a status and v in the form that the request's Accept header
// prefers: JSON, XML, text/plain or text/html for a v with a text (a string, an
// encoding.TextMarshaler or a fmt.Stringer), or what a codec of Config.Codecs
// writes. HTML is the text with its markup escaped. Of forms that are equally
// welcome the first in this order is taken, codecs sorted by name; without an Accept
// header, or with none of its members valid, all are. A form whose codec says that v
// has none in it ([Codec]) is passed over, as XML is for maps and slices.
//
// Accept is read as RFC 9110 §12.5.1 says: the most specific range that fits decides
// a form's weight, and weight 0 excludes it. A parameter other than charset=utf-8 fits
// no form. Members that are malformed, or beyond the first 16 KiB, are ignored; "*"
// and "q=.2" are understood, since Java's client sends them. When nothing is
// acceptable the [Error] has status 406 and the member "available", the types above but
// for those that were found to have no form for v. Vary: Accept is added in any case.
func (c *Ctx) Negotiate(code int, v any) error {
	c.check()
	c.addVary(fasthttp.HeaderAccept)
	offers := c.engine.set.offers
	var few [usualOffers]rank
	ranks := few[:]
	if len(offers) > len(few) {
		ranks = make([]rank, len(offers))
	}
	ranks = ranks[:len(offers)]
	if !readAccept(c.rc.Request.Header.PeekAll(fasthttp.HeaderAccept), offers, ranks) {
		for i := range ranks {
			ranks[i].weight = fullWeight
		}
	}
	for {
		best := choose(offers, ranks, v)
		if best < 0 {
			return notAcceptable(offers, ranks, v)
		}
		err := c.answerAs(&offers[best], code, v)
		if err == nil || !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		ranks[best] = rank{refused: true}
	}
}

// choose returns the index of the offer with the highest weight, the first of
// several, or -1 if none has any.
func choose(offers []offer, ranks []rank, v any) int {
	best, weight := -1, uint16(0)
	for i := range offers {
		if ranks[i].weight > weight && (!offers[i].text || hasText(v)) {
			best, weight = i, ranks[i].weight
		}
	}
	return best
}

var errNotAcceptable = NewError(fasthttp.StatusNotAcceptable, "the answer is not available in a type that Accept allows")

func notAcceptable(offers []offer, ranks []rank, v any) error {
	available := make([]string, 0, len(offers))
	for i, o := range offers {
		if !ranks[i].refused && (!o.text || hasText(v)) {
			available = append(available, o.media)
		}
	}
	return errNotAcceptable.With("available", available)
}

// answerAs answers in one form.
func (c *Ctx) answerAs(o *offer, code int, v any) error {
	if o.codec != nil {
		return c.encode(o.codec, code, o.content, v)
	}
	s, err := textOf(v)
	if err != nil {
		return fmt.Errorf("geist: the text of %T: %w", v, err)
	}
	if o.media == "text/html" {
		s = html.EscapeString(s)
	}
	c.begin(code, o.content)
	c.rc.Response.SetBodyString(s)
	return nil
}

// hasText reports whether textOf has a text for v.
func hasText(v any) bool {
	switch v.(type) {
	case nil:
		return false
	case string:
		return true
	}
	t := reflect.ValueOf(v)
	if t.Kind() == reflect.Pointer && t.IsNil() {
		return false // its methods may panic
	}
	switch v.(type) {
	case encoding.TextMarshaler, fmt.Stringer:
		return true
	}
	return t.Kind() == reflect.String
}

func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		return string(b), err
	case fmt.Stringer:
		return v.String(), nil
	}
	return reflect.ValueOf(v).String(), nil
}

// addVary adds a name to the Vary field unless it is there.
func (c *Ctx) addVary(name string) {
	h := &c.rc.Response.Header
	if len(h.Peek(fasthttp.HeaderVary)) > 0 {
		for _, line := range h.PeekAll(fasthttp.HeaderVary) {
			for more := true; more; {
				var member []byte
				member, line, more = nextMember(line)
				if s := unsafestring.String(trimOWS(member)); s == "*" || equalFold(s, name) {
					return
				}
			}
		}
	}
	h.Add(fasthttp.HeaderVary, name)
}

const (
	// maxAcceptBytes bounds what is read of the Accept fields: at most 4,096 ranges.
	maxAcceptBytes = 16 << 10
	fullWeight     = 1000
)

// rank is how welcome an offer is.
type rank struct {
	weight    uint16 // thousandths; 0 is not acceptable
	precision uint32 // of the range that gave the weight; 0 for none
	refused   bool   // its codec has no form for the value
}

// readAccept ranks offers by the lines of Accept. It reports false if they have no
// valid member. Lines and offers are looked at once each for every member.
func readAccept(lines [][]byte, offers []offer, ranks []rank) (stated bool) {
	left := maxAcceptBytes
	for _, line := range lines {
		cut := len(line) > left
		if cut {
			line = line[:left]
		}
		left -= len(line)
		for more := true; more; {
			var member []byte
			member, line, more = nextMember(line)
			if cut && !more {
				break // its end is missing
			}
			r, ok := parseMediaRange(trimOWS(member))
			if !ok {
				continue
			}
			stated = true
			if r.foreign {
				continue
			}
			for i := range offers {
				ranks[i].take(&r, offers[i].media)
			}
		}
	}
	return stated
}

// take gives an offer the weight of a range that fits and is at least as precise as
// those before. Of ranges that say the same, the higher weight counts.
func (k *rank) take(r *mediaRange, media string) {
	p := r.precision(media)
	if p > k.precision || p > 0 && p == k.precision && r.weight > k.weight {
		k.precision, k.weight = p, r.weight
	}
}

// nextMember cuts the first member off a list. Commas in quotes separate nothing.
func nextMember(list []byte) (member, rest []byte, more bool) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if quoted {
				i++
			}
		case ',':
			if !quoted {
				return list[:i], list[i+1:], true
			}
		}
	}
	return list, nil, false
}

func trimOWS(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isOWS(b byte) bool { return b == ' ' || b == '\t' }

// mediaRange is a member of Accept.
//
//	text/*;charset=utf-8;q=0.5 → kind "text", sub "*", params 1, weight 500
type mediaRange struct {
	kind, sub string // views of the header; "*" for any
	params    uint32 // parameters but q
	foreign   bool   // it has one that no offer has
	weight    uint16
}

// precision tells how precisely r names media: 0 if it does not fit. What the type
// says counts more than any number of parameters.
func (r *mediaRange) precision(media string) uint32 {
	const level = maxAcceptBytes // more than there can be parameters
	if r.kind == "*" {
		return level + r.params
	}
	n := len(r.kind)
	if len(media) <= n || media[n] != '/' || !equalFold(media[:n], r.kind) {
		return 0
	}
	if r.sub == "*" {
		return 2*level + r.params
	}
	if !equalFold(media[n+1:], r.sub) {
		return 0
	}
	return 3*level + r.params
}

// parseMediaRange reads a member, which has no space around it.
//
//	range     = ( type "/" subtype / "*" ) *( OWS ";" OWS [ parameter ] )
//	parameter = token "=" ( token / quoted-string )
func parseMediaRange(s []byte) (r mediaRange, ok bool) {
	var kind, sub []byte
	kind, s = cutToken(s)
	if len(s) > 0 && s[0] == '/' {
		sub, s = cutToken(s[1:])
	} else if string(kind) == "*" {
		sub = kind
	}
	if len(kind) == 0 || len(sub) == 0 || string(kind) == "*" && string(sub) != "*" {
		return r, false
	}
	r.kind, r.sub, r.weight = unsafestring.String(kind), unsafestring.String(sub), fullWeight
	weighed := false
	for s = trimOWS(s); len(s) > 0; s = trimOWS(s) {
		if s[0] != ';' {
			return r, false
		}
		if s = trimOWS(s[1:]); len(s) == 0 || s[0] == ';' {
			continue
		}
		var name, value []byte
		if name, value, s, ok = cutParameter(s); !ok {
			return r, false
		}
		switch {
		case !equalFold(unsafestring.String(name), "q"):
			r.params++
			r.foreign = r.foreign || !equalFold(unsafestring.String(name), "charset") || !isUTF8(value)
		case weighed:
			return r, false
		default:
			weighed = true
			if r.weight, ok = parseWeight(value); !ok {
				return r, false
			}
		}
	}
	return r, true
}

// cutToken cuts a token, maybe an empty one, off s.
func cutToken(s []byte) (token, rest []byte) {
	for i, b := range s {
		if !isTokenByte(b) {
			return s[:i], s[i:]
		}
	}
	return s, nil
}

// cutParameter cuts a parameter off s. A quoted value keeps its quotes.
func cutParameter(s []byte) (name, value, rest []byte, ok bool) {
	name, s = cutToken(s)
	if len(name) == 0 || len(s) < 2 || s[0] != '=' {
		return nil, nil, nil, false
	}
	s = s[1:]
	if s[0] != '"' {
		value, rest = cutToken(s)
		return name, value, rest, len(value) > 0
	}
	for i := 1; i < len(s); i++ {
		switch b := s[i]; {
		case b == '"':
			return name, s[:i+1], s[i+1:], true
		case b == '\\':
			i++
			if i < len(s) && !isQuotable(s[i]) {
				return nil, nil, nil, false
			}
		case !isQuotable(b):
			return nil, nil, nil, false
		}
	}
	return nil, nil, nil, false
}

// isQuotable reports whether b may stand in quotes.
func isQuotable(b byte) bool { return b >= ' ' && b != 0x7f || b == '\t' }

// isUTF8 reports whether a parameter's value is utf-8, quoted or not.
func isUTF8(value []byte) bool {
	const want = "utf-8"
	n := 0
	for i := 0; i < len(value); i++ {
		b := value[i]
		if b == '"' {
			if i == 0 || i == len(value)-1 {
				continue
			}
			return false
		}
		if b == '\\' {
			i++
			b = value[i]
		}
		if n == len(want) || lower(b) != want[n] {
			return false
		}
		n++
	}
	return n == len(want)
}

// parseWeight reads a qvalue as thousandths: 0 to 1 with any number of decimals, of
// which three count. The leading 0 may be missing.
func parseWeight(s []byte) (weight uint16, ok bool) {
	if len(s) == 0 || len(s) == 1 && s[0] == '.' {
		return 0, false
	}
	one := s[0] == '1'
	if one || s[0] == '0' {
		s = s[1:]
	}
	if one {
		weight = fullWeight
	}
	if len(s) == 0 {
		return weight, true
	}
	if s[0] != '.' {
		return 0, false
	}
	worth := uint16(fullWeight / 10)
	for _, b := range s[1:] {
		if b < '0' || b > '9' || one && b != '0' {
			return 0, false
		}
		weight += uint16(b-'0') * worth
		worth /= 10
	}
	return weight, true
}
