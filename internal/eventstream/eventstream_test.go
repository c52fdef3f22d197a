package eventstream

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		name string
		e    Event
		want string
	}{
		{"nothing", Event{}, "data: \n\n"},
		{"data", Event{Data: []byte("a")}, "data: a\n\n"},
		{"empty data with id", Event{ID: "1", Data: []byte{}}, "id: 1\ndata: \n\n"},
		{"name alone", Event{Name: "ping"}, "event: ping\ndata: \n\n"},
		{"id alone", Event{ID: "1"}, "id: 1\n\n"},
		{"retry alone", Event{Retry: 1500 * time.Millisecond}, "retry: 1500\n\n"},
		{"retry is rounded up", Event{Retry: time.Microsecond}, "retry: 1\n\n"},
		{"comment alone", Event{Comment: "a\nb\r\nc"}, ": a\n: b\n: \n: c\n\n"},
		{"all", Event{ID: "1", Name: "n", Data: []byte("d"), Retry: time.Second, Comment: "c"}, ": c\nretry: 1000\nid: 1\nevent: n\ndata: d\n\n"},
		{"lines", Event{Data: []byte("a\nb\rc\r\nd\n\re")}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\n\n"},
		{"line ends at the ends", Event{Data: []byte("\na\r\n")}, "data: \ndata: a\ndata: \n\n"},
		{"a field in the data", Event{Data: []byte("x\nevent: evil\n\ndata: y")}, "data: x\ndata: event: evil\ndata: \ndata: data: y\n\n"},
		{"leading space", Event{Data: []byte(" a"), ID: " 1"}, "id:  1\ndata:  a\n\n"},
	} {
		got, err := Append([]byte("before|"), &test.e)
		if err != nil || string(got) != "before|"+test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

func TestAppend_refuses(t *testing.T) {
	for _, test := range []struct {
		e    Event
		want error
	}{
		{Event{ID: "1\n2"}, ErrID}, {Event{ID: "1\r2"}, ErrID}, {Event{ID: "1\x002"}, ErrID},
		{Event{Name: "a\nb"}, ErrName}, {Event{Name: "a\rb"}, ErrName}, {Event{Retry: -1}, ErrRetry},
	} {
		if got, err := Append([]byte("x"), &test.e); !errors.Is(err, test.want) || string(got) != "x" {
			t.Errorf("%+v: got %q, %v, want nothing and %v", test.e, got, err, test.want)
		}
	}
}

func TestAppend_allocatesNothing(t *testing.T) {
	e := &Event{ID: "1", Name: "tick", Data: bytes.Repeat([]byte("line\n"), 50), Retry: time.Second, Comment: "a\nb"}
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst, _ = Append(dst[:0], e) }); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

// read returns everything that a stream holds.
func read(t testing.TB, stream io.Reader) (items []Item, lastID string) {
	t.Helper()
	d := NewDecoder(stream, 1<<20)
	for {
		item, err := d.Next()
		if errors.Is(err, io.EOF) {
			return items, d.LastID()
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
}

// message is what most streams of the table hold.
func message(id, name, data string) Item { return Item{Kind: Message, ID: id, Name: name, Data: data} }

func TestDecoder(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		want         []Item
		last         string
	}{
		{"nothing", "", nil, ""},
		{"one", "data: a\n\n", []Item{message("", "message", "a")}, ""},
		{"not ended", "data: a\n", nil, ""},
		{"not ended, with id", "id: 1\ndata: a\n", nil, ""},
		{"lines", "data: a\ndata:b\ndata:  c\n\n", []Item{message("", "message", "a\nb\n c")}, ""},
		{"data without colon", "data\n\n", []Item{message("", "message", "")}, ""},
		{"twice data without colon", "data\ndata\n\n", []Item{message("", "message", "\n")}, ""},
		{"no data", "event: x\nid: 1\n\ndata: a\n\n", []Item{message("1", "message", "a")}, "1"},
		{"id stays", "id: 1\ndata: a\n\ndata: b\n\n", []Item{message("1", "message", "a"), message("1", "message", "b")}, "1"},
		{"id is taken back", "id: 1\ndata: a\n\nid\ndata: b\n\n", []Item{message("1", "message", "a"), message("", "message", "b")}, ""},
		{"id with NUL", "id: 1\n\nid: 2\x00\ndata: a\n\n", []Item{message("1", "message", "a")}, "1"},
		{"name of one event only", "event: x\ndata: a\n\ndata: b\n\n", []Item{message("", "x", "a"), message("", "message", "b")}, ""},
		{"last name counts", "event: x\nevent: y\ndata: a\n\n", []Item{message("", "y", "a")}, ""},
		{"empty name", "event: x\nevent:\ndata: a\n\n", []Item{message("", "message", "a")}, ""},
		{"BOM", "\uFEFFdata: a\n\n", []Item{message("", "message", "a")}, ""},
		{"second BOM", "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", []Item{message("", "message", "b")}, ""},
		{"half a BOM", "\xEF\xBBdata: a\n\ndata: b\n\n", []Item{message("", "message", "b")}, ""},
		{"line ends", "data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r", []Item{message("", "message", "a\nb\nc"), message("", "message", "d")}, ""},
		{"LF CR", "data: a\n\rdata: b\n\n", []Item{message("", "message", "a"), message("", "message", "b")}, ""},
		{"comments", ": a\n:b\n:\ndata: c\n\n", []Item{{Kind: Comment, Data: "a"}, {Kind: Comment, Data: "b"}, {Kind: Comment}, message("", "message", "c")}, ""},
		{"retry", "retry: 10\nretry: 1x\nretry: -1\nretry:\nretry: +1\nretry: 1.5\n\n", []Item{{Kind: Retry, Retry: 10 * time.Millisecond}}, ""},
		{"endless retry", "retry: 99999999999999999999\n\n", []Item{{Kind: Retry, Retry: math.MaxInt64}}, ""},
		{"unknown fields", "Data: a\ndata : b\n data: c\nfoo\ndata: d\n\n", []Item{message("", "message", "d")}, ""},
		{"colon in the value", "data: a: b\n\n", []Item{message("", "message", "a: b")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole": strings.NewReader(test.stream), "bytes": iotest.OneByteReader(strings.NewReader(test.stream)),
			} {
				got, last := read(t, r)
				if !slices.Equal(got, test.want) || last != test.last {
					t.Errorf("%s: got %+v, last id %q\nwant %+v, %q", how, got, last, test.want, test.last)
				}
				if model, id := decodeSlowly(test.stream); !slices.Equal(model, test.want) || id != test.last {
					t.Errorf("the model says %+v, last id %q", model, id)
				}
			}
		})
	}
}

// TestDecoder_isPrompt: an event is told before the byte behind its last line end.
func TestDecoder_isPrompt(t *testing.T) {
	for _, stream := range []string{"data: a\n\n", "data: a\r\r", "data: a\r\n\r"} {
		r, w := io.Pipe()
		got := make(chan Item, 1)
		go func() { // ends with the item, or the pipe
			item, _ := NewDecoder(r, 100).Next()
			got <- item
		}()
		if _, err := io.WriteString(w, stream); err != nil {
			t.Fatal(err)
		}
		if item := <-got; item.Data != "a" {
			t.Errorf("%q: got %+v, want the event", stream, item)
		}
		w.Close()
	}
}

func TestDecoder_limit(t *testing.T) {
	for _, stream := range []string{
		strings.Repeat("x", 101), ":" + strings.Repeat("x", 100), "data: " + strings.Repeat("x", 94) + "\ndata: xyz\n",
		strings.Repeat("data\n", 101),
	} {
		if item, err := NewDecoder(strings.NewReader(stream), 100).Next(); !errors.Is(err, ErrTooLong) {
			t.Errorf("%.20q: got %+v, %v, want ErrTooLong", stream, item, err)
		}
	}
}

// decodeSlowly is the specification, a step at a time, on the whole stream.
func decodeSlowly(stream string) (items []Item, last string) {
	stream = strings.TrimPrefix(stream, "\uFEFF")
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	lines := strings.Split(stream, "\n")
	lines = lines[:len(lines)-1] // what is behind the last line end is not a line yet
	id, name, data := "", "", ""
	for _, line := range lines {
		colon := strings.Index(line, ":")
		field, value := line, ""
		if colon >= 0 {
			field, value = line[:colon], line[colon+1:]
			value = strings.TrimPrefix(value, " ")
		}
		switch {
		case line == "":
			last = id
			if data != "" {
				if name == "" {
					name = "message"
				}
				items = append(items, Item{Kind: Message, ID: last, Name: name, Data: strings.TrimSuffix(data, "\n")})
			}
			name, data = "", ""
		case colon == 0:
			items = append(items, Item{Kind: Comment, Data: value})
		case field == "event":
			name = value
		case field == "data":
			data += value + "\n"
		case field == "id" && !strings.Contains(value, "\x00"):
			id = value
		case field == "retry" && value != "" && strings.Trim(value, "0123456789") == "":
			var wait time.Duration
			for _, digit := range value {
				if wait > (math.MaxInt64-10*time.Millisecond)/10 {
					wait = math.MaxInt64
					break
				}
				wait = wait*10 + time.Duration(digit-'0')*time.Millisecond
			}
			items = append(items, Item{Kind: Retry, Retry: wait})
		}
	}
	return items, last
}
