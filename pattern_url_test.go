package geist

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

type testID int

func TestPattern_build(t *testing.T) {
	tests := []struct {
		src    string
		params []any
		want   string // the path, or part of the error after "!"
	}{
		{"/", nil, "/"},
		{"/users/", nil, "/users/"},
		{"/users/:id", []any{"a b/c%?#é"}, "/users/a%20b%2Fc%25%3F%23%C3%A9"},
		{"/café/a b", nil, "/caf%C3%A9/a%20b"},
		{"/:a/:b/:c/:d", []any{-7, uint8(8), true, 1.5}, "/-7/8/true/1.5"},
		{"/:id", []any{testID(9)}, "/9"},
		{"/:ip", []any{netip.MustParseAddr("::1")}, "/::1"},
		{"/:d", []any{time.Second}, "/1s"},
		{"/files/:name.:ext", []any{"a", "tar.gz"}, "/files/a.tar.gz"},
		{"/static/*path", []any{"css/a b.css"}, "/static/css/a%20b.css"},
		{"/static/*path", []any{"css/"}, "/static/css/"},
		{"/:id<int>", []any{"7"}, "/7"},

		{"/:id<int>", []any{"x"}, "!<int>"},
		{"/:id", []any{""}, "!empty"},
		{"/:id", []any{nil}, "!nil"},
		{"/:id", []any{(*time.Time)(nil)}, "!nil"},
		{"/:id", []any{struct{}{}}, "!struct {}"},
		{"/:id", []any{"a\x00"}, "!NUL"},
		{"/:id", []any{".."}, "!segment"},
		{"/:a.", []any{"."}, "!segment"},
		{"/:name.:ext", []any{"a.b", "c"}, "!divided"},
		{"/static/*path", []any{"a/../b"}, "!dot segment"},
		{"/static/*path", []any{"/a"}, "!without a slash"},
		{"/static/*path", []any{"a//b"}, "!empty segment"},
		{"/:from/:to", []any{"a"}, "!takes 2 values (from, to), got 1"},
		{"/a", []any{"a"}, "!takes no values, got 1"},
	}
	for _, tt := range tests {
		t.Run(tt.src+" "+tt.want, func(t *testing.T) {
			p := mustPattern(t, tt.src)[0]
			b, err := p.build(nil, tt.params)
			if part, wantErr := strings.CutPrefix(tt.want, "!"); wantErr {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Fatalf("build(%v): got %q, %v, want an error with %q", tt.params, b, err, part)
				}
				return
			}
			if err != nil || string(b) != tt.want {
				t.Fatalf("build(%v): got %q, %v, want %q", tt.params, b, err, tt.want)
			}
		})
	}
}

// A path that was built leads back to its values.
func TestPattern_buildRoundTrip(t *testing.T) {
	values := []string{"a", "é/b", "%2F", "a b", "..a", "?x=1", "~", "+", "a;b", "\\", "a.b-c"}
	for _, src := range []string{"/:x", "/a/:x/b/:y", "/v:x", "/:x.txt", "/:x--:y", "/s/*rest", "/:x/"} {
		p := mustPattern(t, src)[0]
		tr := newTestTree(t, false, src)
		for i := range values {
			want := []string{values[i], values[(i+3)%len(values)]}[:len(p.names)]
			params := make([]any, len(want))
			for j := range want {
				params[j] = want[j]
			}
			path, err := p.build(nil, params)
			if err != nil {
				t.Errorf("%s: build(%q): %v", src, want, err)
				continue
			}
			if _, got := tr.route(string(path)); !slices.Equal(got, want) {
				t.Errorf("%s: %q gives %q, want %q", src, path, got, want)
			}
		}
	}
}
