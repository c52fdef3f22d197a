package geist

import (
	"strings"
	"testing"
)

func TestPath_decode(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"/a/b", "/a/b"},
		{"/a%2Fb", "/a\x00b"},
		{"/a%2fb%20c", "/a\x00b c"},
		{"/caf%C3%A9", "/café"},
		{"/%2525", "/%25"},
		{"/a+b", "/a+b"},
		{"/%", "!"}, {"/%4", "!"}, {"/%zz", "!"}, {"/%00", "!"}, {"/a\x00", "!"}, {"/%+1", "!"},
	}
	for _, tt := range tests {
		got, err := decodePath(nil, tt.raw)
		if tt.want == "!" {
			if err == nil {
				t.Errorf("decodePath(%q) = %q, want an error", tt.raw, got)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("decodePath(%q) = %q, %v, want %q", tt.raw, got, err, tt.want)
		}
	}
}

func TestPath_hasDotSegment(t *testing.T) {
	tests := []struct {
		path string
		want bool
	}{
		{"/", false}, {"/a.b/c", false}, {"/...", false}, {"/.a", false}, {"/..a", false}, {"/a..", false},
		{"/.", true}, {"/..", true}, {"/./a", true}, {"/a/../b", true}, {"/a.b/..", true},
		{"/a\x00..\x00b", false},
	}
	for _, tt := range tests {
		if got := hasDotSegment(tt.path); got != tt.want {
			t.Errorf("hasDotSegment(%q) = %v", tt.path, got)
		}
	}
}

func TestPath_clean(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"/", "/"}, {"", "/"}, {"a", "/a"}, {"/a", "/a"}, {"/a/", "/a/"},
		{"//a", "/a"}, {"//a//b//", "/a/b/"}, {"///", "/"},
		{"/a/./b", "/a/b"}, {"/a/.", "/a/"}, {"/a/..", "/"}, {"/a/b/..", "/a/"}, {"/a/b/../c", "/a/c"},
		{"/../../a", "/a"}, {"/a/%2e%2E/b", "/b"}, {"/%2e/a", "/a"}, {"/.%2e/a", "/a"}, {"/...", "/..."},
		{`/\evil.example`, "/%5Cevil.example"}, {`/.//\evil`, "/%5Cevil"}, {"/./%2Fevil", "/%2Fevil"},
		{"/a\r\nb", "/a%0D%0Ab"}, {"/é", "/%C3%A9"}, {"/a%2Fb/..", "/"},
	}
	for _, tt := range tests {
		got := string(cleanPath([]byte("x"), tt.raw))
		if got != "x"+tt.want {
			t.Errorf("cleanPath(%q) = %q, want %q", tt.raw, got[1:], tt.want)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("//a/%2e%2e/./b%2Fc//")
	f.Fuzz(func(t *testing.T, raw string) {
		clean := string(cleanPath(nil, raw))
		if !strings.HasPrefix(clean, "/") || strings.Contains(clean, "//") || strings.HasPrefix(clean, `/\`) {
			t.Fatalf("cleanPath(%q) = %q", raw, clean)
		}
		if again := string(cleanPath(nil, clean)); again != clean {
			t.Fatalf("cleanPath(%q) = %q, and that gives %q", raw, clean, again)
		}
		decoded, err := decodePath(nil, clean)
		if err == nil && hasDotSegment(string(decoded)) {
			t.Fatalf("cleanPath(%q) = %q has a dot segment", raw, clean)
		}
	})
}
