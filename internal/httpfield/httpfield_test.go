package httpfield

import (
	"strings"
	"testing"
)

func TestCoding_table(t *testing.T) {
	for _, tt := range []struct {
		accept, coding string
		want           int
	}{
		{"", "gzip", 0},
		{"gzip", "gzip", 1000},
		{"GZip ; Q=0.5", "gzip", 500},
		{"x-gzip", "gzip", 1000},
		{"br, *;q=0.1", "gzip", 100},
		{"gzip;q=0, *", "gzip", 0},
		{"gzip;q=0", "br", 0},
		{"gzip;q=2", "gzip", 0},
		{"gzip;q=-1", "gzip", 0},
		{"gzip;q=NaN", "gzip", 0},
		{"gzip;q=x", "gzip", 0},
		{"gzip;x=y;q=0.25", "gzip", 250},
		{"gzipp", "gzip", 0},
		{",,, gzip", "gzip", 1000},
	} {
		if got := Coding(tt.accept, tt.coding); got != tt.want {
			t.Errorf("Coding(%q, %q) = %d, want %d", tt.accept, tt.coding, got, tt.want)
		}
	}
	if got := NamedCoding("gzip, *", "br"); got != -1 {
		t.Errorf("NamedCoding of what is not named = %d, want -1", got)
	}
}

func TestContains_table(t *testing.T) {
	for _, tt := range []struct {
		list, name string
		want       bool
	}{
		{"", "Origin", false},
		{"origin", "Origin", true},
		{"Accept , ORIGIN", "Origin", true},
		{"X-Origin", "Origin", false},
		{"Origin-X", "Origin", false},
	} {
		if got := Contains(tt.list, tt.name); got != tt.want {
			t.Errorf("Contains(%q, %q) = %t, want %t", tt.list, tt.name, got, tt.want)
		}
	}
}

func TestHasTag_table(t *testing.T) {
	for _, tt := range []struct {
		line, etag   string
		weak, strong bool
	}{
		{``, `"a"`, false, false},
		{`*`, `"a"`, true, true},
		{`"a"`, `"a"`, true, true},
		{`W/"a"`, `"a"`, true, false},
		{`"a"`, `W/"a"`, true, false},
		{`W/"a"`, `W/"a"`, true, false},
		{`"b", "a"`, `"a"`, true, true},
		{`"b","a,c"`, `"a,c"`, true, true},
		{`,, "a"`, `"a"`, true, true},
		{`a`, `"a"`, false, false},
		{`"a`, `"a"`, false, false},
		{`"b, "a"`, `"a"`, false, false},
		{`"x y", "a"`, `"a"`, false, false},
		{`"a"`, ``, false, false},
	} {
		if got := HasTag(tt.line, tt.etag, WeakMatch); got != tt.weak {
			t.Errorf("HasTag(%q, %q) weakly = %t, want %t", tt.line, tt.etag, got, tt.weak)
		}
		if got := HasTag(tt.line, tt.etag, StrongMatch); got != tt.strong {
			t.Errorf("HasTag(%q, %q) strongly = %t, want %t", tt.line, tt.etag, got, tt.strong)
		}
	}
}

// TestHasTag_bounded holds that what a client sends costs one pass and no memory.
func TestHasTag_bounded(t *testing.T) {
	tags, codings := strings.Repeat(`"x",`, 25_000), strings.Repeat("x;q=0.1,", 12_500)
	if n := testing.AllocsPerRun(10, func() {
		if HasTag(tags, `"a"`, WeakMatch) || Coding(codings, "gzip") != 0 || Contains(codings, "gzip") {
			t.Error("found what is not there")
		}
	}); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}
