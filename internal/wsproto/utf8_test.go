package wsproto

import (
	"testing"
	"unicode/utf8"
)

// TestUTF8_everySequence compares all sequences of two bytes, and of three and four with
// interesting ones, with package unicode/utf8: valid as a whole, and as a beginning.
func TestUTF8_everySequence(t *testing.T) {
	edges := []byte{0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF}
	check := func(p []byte) {
		var u UTF8
		good := u.Take(p)
		if want := utf8.Valid(p); (good && u.Complete()) != want {
			t.Fatalf("% x: got valid %v, want %v", p, good && u.Complete(), want)
		}
		if want := utf8.Valid(p) || completable(p); good != want {
			t.Fatalf("% x: got a possible beginning %v, want %v", p, good, want)
		}
	}
	for a := range 256 {
		check([]byte{byte(a)})
		for b := range 256 {
			check([]byte{byte(a), byte(b)})
		}
	}
	for _, a := range edges {
		for b := range 256 {
			for _, c := range edges {
				check([]byte{a, byte(b), c})
			}
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					check([]byte{a, b, c, d})
				}
			}
		}
	}
}

// completable reports, by trying, whether bytes may follow that make p valid.
func completable(p []byte) bool {
	for _, next := range []byte{0x80, 0x90, 0xA0} {
		q := p
		for _, b := range []byte{next, 0x80, 0x80} {
			if q = append(q[:len(q):len(q)], b); utf8.Valid(q) {
				return true
			}
		}
	}
	return false
}

func FuzzUTF8(f *testing.F) {
	f.Add([]byte("κόσμε, and a lot of ASCII in words of eight bytes"), uint8(3))
	f.Add([]byte("\xed\xa0\x80"), uint8(1))
	f.Fuzz(func(t *testing.T, p []byte, cut uint8) {
		n := min(int(cut), len(p))
		var u UTF8
		if got, want := u.Take(p[:n]) && u.Take(p[n:]) && u.Complete(), utf8.Valid(p); got != want {
			t.Errorf("%q cut at %d: got %v, want %v", p, n, got, want)
		}
	})
}
