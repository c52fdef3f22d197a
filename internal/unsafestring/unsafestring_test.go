package unsafestring

import (
	"bytes"
	"strings"
	"testing"
)

var texts = []struct{ name, text string }{
	{"empty", ""},
	{"one byte", "a"},
	{"NUL inside", "a\x00b"},
	{"not UTF-8", "\xff\xfe"},
	{"long", strings.Repeat("geist", 1000)},
}

func TestString_sameText(t *testing.T) {
	for _, tt := range texts {
		if got := String([]byte(tt.text)); got != tt.text {
			t.Errorf("%s: String = %q, want %q", tt.name, got, tt.text)
		}
	}
	if got := String(nil); got != "" {
		t.Errorf("String(nil) = %q, want \"\"", got)
	}
}

func TestString_sharesMemory(t *testing.T) {
	b := []byte("abc")
	s := String(b)
	b[0] = 'x'
	if s != "xbc" {
		t.Errorf("after a write to the bytes the string is %q, want %q: it was copied", s, "xbc")
	}
}

func TestBytes_sameBytes(t *testing.T) {
	for _, tt := range texts {
		got := Bytes(tt.text)
		if !bytes.Equal(got, []byte(tt.text)) {
			t.Errorf("%s: Bytes = %q, want %q", tt.name, got, tt.text)
		}
		if cap(got) != len(tt.text) {
			t.Errorf("%s: capacity %d, want %d: append would write behind the string", tt.name, cap(got), len(tt.text))
		}
	}
}

func TestBytes_sharesMemory(t *testing.T) {
	b := []byte("abc")
	if got := Bytes(String(b)); &got[0] != &b[0] {
		t.Error("Bytes(String(b)) lies elsewhere than b: it was copied")
	}
}

func TestUnsafestring_allocs(t *testing.T) {
	b, s := []byte("some bytes that are longer than a word"), strings.Repeat("x", 100)
	n := testing.AllocsPerRun(100, func() {
		if len(String(b)) == 0 || len(Bytes(s)) == 0 {
			t.Error("empty, want the text")
		}
	})
	if n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

func TestWithin(t *testing.T) {
	whole := make([]byte, 8, 16)
	for name, test := range map[string]struct {
		part, whole []byte
		want        bool
	}{
		"itself":               {whole, whole, true},
		"its last byte":        {whole[7:], whole, true},
		"its spare capacity":   {whole[:16][15:], whole, true},
		"a part without more":  {whole[2:3:3], whole, true},
		"before it":            {whole, whole[1:], false},
		"behind it":            {whole[4:], whole[:4:4], false},
		"an empty part":        {whole[:0], whole, false},
		"nil":                  {nil, whole, false},
		"of nil":               {whole, nil, false},
		"of a slice with none": {whole, []byte{}, false},
	} {
		if got := Within(test.part, test.whole); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
