package judge

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist"
)

// entry is a type of the corpus.
type entry struct {
	typ reflect.Type
	add func(app *geist.Engine, path string)
}

// box makes any type a member of an object, which is what a request can hold.
type box[T any] struct {
	V T `json:"v"`
}

func of[T any]() entry {
	return entry{reflect.TypeFor[T](), func(app *geist.Engine, path string) {
		app.POST(path, func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.Body[box[T]](), geist.Returns[box[T]](200))
	}}
}

// body is what a geist.OneOf may be.
type body interface{ volume() float64 }

type ball struct {
	Kind   string  `json:"kind"`
	Radius float64 `json:"radius"`
	In     *cube   `json:"in"`
}

type cube struct {
	Kind string    `json:"kind"`
	Of   []anyBody `json:"of"`
}

func (ball) volume() float64  { return 0 }
func (*cube) volume() float64 { return 0 }

type bodies struct{}

func (bodies) Variants() (string, map[string]body) {
	return "kind", map[string]body{"ball": ball{}, "cube": &cube{}}
}

type anyBody = geist.OneOf[body, bodies]

// The types of the corpus that need a declaration.
//
//nolint:staticcheck,unused // what linters object to is what schemas must bear
type (
	text    string
	number  int
	decimal float32
	flag    bool
	blob    []byte
	octet   uint8
	octets  []octet

	level int // writes itself as text

	point struct{ X, Y int } // writes itself as JSON, and says how

	uuid [16]byte

	plain struct {
		A string
		B int `json:"b"`
		c int
		D bool   `json:"-"`
		E string `json:"-,"`
		F string `json:"with space"`
		G string `json:"bad\"name"`
		H int    `json:",omitempty_flag"`
	}

	omits struct {
		A string          `json:"a,omitempty"`
		B int             `json:"b,omitempty"`
		C *int            `json:"c,omitempty"`
		D []int           `json:"d,omitempty"`
		E map[string]int  `json:"e,omitempty"`
		F struct{ X int } `json:"f,omitempty"`
		G [0]int          `json:"g,omitempty"`
		H [2]int          `json:"h,omitempty"`
		I any             `json:"i,omitempty"`
		J time.Time       `json:"j,omitempty"`
		K bool            `json:"k,omitempty"`
		L **int           `json:"l,omitempty"`
	}

	zeroes struct {
		A string            `json:"a,omitzero"`
		B time.Time         `json:"b,omitzero"`
		C []int             `json:"c,omitzero"`
		D struct{ X int }   `json:"d,omitzero"`
		E map[string]int    `json:"e,omitzero"`
		F *plain            `json:"f,omitzero"`
		G geist.Opt[string] `json:"g,omitzero"`
		H [2]int            `json:"h,omitzero"`
	}

	quoted struct {
		A int       `json:"a,string"`
		B uint8     `json:"b,string"`
		C float64   `json:"c,string"`
		D bool      `json:"d,string"`
		E string    `json:"e,string"`
		F *int      `json:"f,string"`
		G []int     `json:"g,string"`
		H number    `json:"h,string"`
		I int64     `json:"i,string,omitempty"`
		J time.Time `json:"j,string"`
	}

	pointers struct {
		A *string
		B **int
		C *[]string
		D *map[string]int
		E *plain
		F *time.Time
		G []*int
		H map[string]*plain
	}

	base struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}

	other struct {
		Name string
		More int
	}

	hiddenBase struct {
		Seen   int
		unseen int
	}

	embeds struct {
		base
		Own string
	}

	embedsPointer struct {
		*Base
		Own string
	}

	Base struct {
		ID int `json:"id"`
	}

	ambiguous struct {
		nameUntagged
		other
	}

	dominates struct {
		nameUntagged
		N int `json:"Name"`
	}

	taggedWins struct {
		nameTagged
		nameUntagged
	}
	nameTagged struct {
		N int `json:"Name"`
	}
	nameUntagged struct{ Name string }

	namedEmbed struct {
		base `json:"base"`
		Base `json:"Base"`
	}

	embedsHidden struct {
		hiddenBase
		text
		Number
	}

	Number int

	deep struct {
		embeds
		More *deep `json:"more,omitempty"`
	}

	node struct {
		Value    int     `json:"value"`
		Children []*node `json:"children"`
	}

	left struct {
		Right *right `json:"right"`
	}
	right struct {
		Left []left `json:"left,omitempty"`
	}

	tree []tree

	nested map[string]nested

	generic[K comparable, V any] struct {
		Keys   []K            `json:"keys"`
		Values []V            `json:"values"`
		Next   *generic[K, V] `json:"next,omitempty"`
	}

	selfEmbed struct {
		*selfEmbed
		A int
	}

	hiding struct {
		ID   int    `path:"id"`
		Page int    `query:"page" json:"page"`
		Name string `json:"name"`
		Sub  struct {
			Sort string `query:"sort"`
		}
		Sub2 struct {
			Limit int `query:"limit"`
			Note  string
		}
	}

	floats struct {
		A float32
		B float64
		C decimal
	}
)

func (l level) MarshalText() ([]byte, error) { return []byte("level " + strconv.Itoa(int(l))), nil }

func (l *level) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "level %d", (*int)(l))
	return err
}

func (p point) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "[%d,%d]", p.X, p.Y), nil }

func (p *point) UnmarshalJSON(text []byte) error {
	pair := []*int{&p.X, &p.Y}
	return json.Unmarshal(text, &pair)
}

func (point) JSONSchema() string {
	return `{"type":"array","items":{"type":"integer","minimum":-1000,"maximum":1000},"minItems":2,"maxItems":2}`
}

func (u uuid) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}

func (u *uuid) UnmarshalText(text []byte) error {
	plain := strings.ReplaceAll(string(text), "-", "")
	if len(plain) != 32 {
		return fmt.Errorf("no UUID")
	}
	_, err := fmt.Sscanf(plain, "%32x", (*hexBytes)(u))
	return err
}

type hexBytes [16]byte

func (h *hexBytes) Scan(state fmt.ScanState, _ rune) error {
	token, err := state.Token(false, nil)
	if err != nil {
		return err
	}
	for i := range h {
		n, err := strconv.ParseUint(string(token[2*i:2*i+2]), 16, 8)
		if err != nil {
			return err
		}
		h[i] = byte(n)
	}
	return nil
}

// corpus is at least 60 types that say something each.
var corpus = []entry{
	of[bool](), of[int](), of[int8](), of[int16](), of[int32](), of[int64](), of[uint](), of[uint8](), of[uint16](), of[uint32](), of[uint64](),
	of[float32](), of[float64](), of[string](), of[any](), of[text](), of[number](), of[decimal](), of[flag](),
	of[[]byte](), of[blob](), of[octets](), of[[4]byte](), of[[3]int](), of[[]string](), of[[][]int](), of[[]*int](), of[[]blob](),
	of[map[string]int](), of[map[int]string](), of[map[uint8]bool](), of[map[text]plain](), of[map[level]int](), of[map[Colour]int](), of[map[string][]string](), of[map[string]*int](),
	of[*string](), of[**int](), of[*[]int](), of[*map[string]int](),
	of[time.Time](), of[*time.Time](), of[time.Duration](), of[json.RawMessage](), of[json.Number](), of[big.Int](), of[*big.Int](),
	of[netip.Addr](), of[net.IP](), of[url.URL](), of[uuid](), of[level](), of[*level](), of[[]level](), of[point](), of[*point](), of[[]point](), of[map[string]point](),
	of[Colour](), of[*Colour](), of[[]Colour](), of[Money](), of[User](), of[Address](), of[Page[User]](), of[Page[*Address]](), of[Shape](), of[[]Shape](), of[anyBody](), of[map[string]*anyBody](), of[geist.Opt[anyBody]](), of[Circle](),
	of[struct{}](), of[struct{ A, B int }](), of[plain](), of[omits](), of[zeroes](), of[quoted](), of[pointers](), of[embeds](), of[embedsPointer](), of[ambiguous](),
	of[dominates](), of[taggedWins](), of[namedEmbed](), of[embedsHidden](), of[deep](), of[node](), of[left](), of[tree](), of[nested](),
	of[generic[string, plain]](), of[generic[int, *node]](), of[selfEmbed](), of[hiding](), of[floats](), of[geist.Opt[int]](), of[geist.Opt[[]string]](), of[geist.Opt[plain]](),
	of[[]any](), of[map[string]any](), of[geist.Problem](), of[geist.FieldError](),
}

// filler makes random values.
type filler struct{ *rand.Rand }

// fill sets v to a random value: often zero, small, empty or nil, as bugs like it.
func (f filler) fill(v reflect.Value, depth int) {
	if f.special(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(f.Int64() >> f.IntN(64) * int64(f.IntN(3)-1))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(f.Uint64() >> f.IntN(64))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(f.NormFloat64() * []float64{0, 1, 1e-9, 1e20}[f.IntN(4)])))
	case reflect.String:
		v.SetString(f.text())
	case reflect.Pointer:
		if depth > 0 && f.IntN(3) > 0 && v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if depth > 0 && f.IntN(3) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), f.IntN(4), 4))
			for i := range v.Len() {
				f.fill(v.Index(i), depth-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		if depth > 0 && f.IntN(3) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range f.IntN(4) {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				f.fill(key, depth-1)
				f.fill(value, depth-1)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); field.CanSet() || v.Type().Field(i).Anonymous && field.Kind() == reflect.Struct {
				f.fill(field, depth-1)
			}
		}
	case reflect.Interface:
		values := []any{nil, true, 1.5, "x", []any{1, nil}, map[string]any{"a": 1}}
		if value := values[f.IntN(len(values))]; value != nil {
			v.Set(reflect.ValueOf(value))
		}
	}
}

// special fills types whose fields are not to be set at random.
func (f filler) special(v reflect.Value) bool {
	if !v.CanSet() {
		return false
	}
	var value any
	switch v.Interface().(type) {
	case time.Time:
		value = time.Unix(f.Int64N(1e11), f.Int64N(1e9)).In([]*time.Location{time.UTC, time.FixedZone("x", 5400)}[f.IntN(2)])
		if f.IntN(5) == 0 {
			value = time.Time{}
		}
	case json.RawMessage:
		value = []json.RawMessage{nil, json.RawMessage(`{"a":[1]}`), json.RawMessage(`null`), json.RawMessage(`"x"`)}[f.IntN(4)]
	case json.Number:
		value = []json.Number{"", "0", "-1.5", "1e9"}[f.IntN(4)]
	case big.Int:
		v.Set(reflect.ValueOf(*new(big.Int).Lsh(big.NewInt(f.Int64()-1<<62), uint(f.IntN(99)))))
		return true
	case netip.Addr:
		value = []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1%eth0")}[f.IntN(3)]
	case net.IP:
		value = []net.IP{nil, net.ParseIP("192.0.2.1"), net.ParseIP("::1")}[f.IntN(3)]
	case url.URL:
		value = url.URL{Scheme: f.text(), Host: f.text(), User: []*url.Userinfo{nil, url.User("x")}[f.IntN(2)]}
	case Colour:
		value = []Colour{"red", "green"}[f.IntN(2)]
	case Money:
		value = Money{f.Int64() - 1<<62}
	case anyBody:
		value = []anyBody{{}, {Value: ball{"ball", 1, nil}}, {Value: &cube{Of: []anyBody{{Value: ball{Radius: 2}}, {}}}}}[f.IntN(3)]
	case Shape:
		value = []Shape{{Circle{"circle", 1}}, {Square{"square", 0}}}[f.IntN(2)]
	case Circle:
		value = Circle{"circle", f.NormFloat64()}
	case point:
		value = point{f.IntN(99), -f.IntN(99)}
	default:
		return false
	}
	v.Set(reflect.ValueOf(value))
	return true
}

func (f filler) text() string {
	words := []string{"", "a", "Zoë", `"\`, "<&>", "\x00\n\u2028", "\xff", "日本語 𝄞", strings.Repeat("x", 40), "12", "null"}
	return words[f.IntN(len(words))]
}
