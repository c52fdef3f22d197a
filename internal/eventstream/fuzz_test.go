package eventstream

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// FuzzAppend: whoever chooses the parts of an event chooses nothing but that event.
func FuzzAppend(f *testing.F) {
	f.Add("1", "tick", []byte("a\r\nb\rc\n"), int64(1500), "why")
	f.Add("", "", []byte("\n\ndata: x"), int64(0), "\n\ndata: y\n\n")
	f.Fuzz(func(t *testing.T, id, name string, data []byte, ms int64, comment string) {
		e := Event{ID: id, Name: name, Data: data, Retry: time.Duration(ms%1e9) * time.Millisecond, Comment: comment}
		b, err := Append(nil, &e)
		if refused := strings.ContainsAny(id, "\r\n\x00") || strings.ContainsAny(name, "\r\n") || e.Retry < 0; refused != (err != nil) {
			t.Fatalf("Append(%+v) = %v, want an error: %t", e, err, refused)
		} else if refused {
			return
		}
		b = append(b, "data: next\n\n"...)
		items, last := read(t, bytes.NewReader(b))
		items = slices.DeleteFunc(items, func(i Item) bool { return i.Kind == Comment })
		var want []Item
		if e.Retry > 0 {
			want = append(want, Item{Kind: Retry, Retry: e.Retry})
		}
		if e.hasData() {
			if name == "" {
				name = "message"
			}
			lines := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
			want = append(want, message(id, name, lines))
		}
		want = append(want, message(id, "message", "next"))
		if !slices.Equal(items, want) || last != id {
			t.Fatalf("%q is read as\n%+v, last id %q, want\n%+v, %q", b, items, last, want, id)
		}
	})
}

// FuzzDecoder: the decoder and the slow model read any stream alike, however it is cut.
func FuzzDecoder(f *testing.F) {
	f.Add("\uFEFFid: 1\rdata: a\r\n\r\n:c\nretry: 7\nevent\ndata\n\n")
	f.Add("\xEF\xBBdata: a\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		want, last := decodeSlowly(stream)
		whole, id := read(t, strings.NewReader(stream))
		if !slices.Equal(whole, want) || id != last {
			t.Fatalf("%q is read as\n%+v, last id %q, want\n%+v, %q", stream, whole, id, want, last)
		}
		if cut, _ := read(t, iotest.OneByteReader(strings.NewReader(stream))); !slices.Equal(cut, want) {
			t.Fatalf("%q in single bytes is read as\n%+v, want\n%+v", stream, cut, want)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for name, e := range map[string]*Event{
		"small": {ID: "abc-1f", Name: "tick", Data: []byte(`{"price":12.5,"symbol":"ACME"}`)},
		"1KiB":  {Name: "tick", Data: bytes.Repeat([]byte("0123456789abcdef"), 64)},
		"lines": {Data: bytes.Repeat([]byte("0123456789abcde\n"), 64)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst, _ = Append(dst[:0], e)
			}
		})
	}
}
