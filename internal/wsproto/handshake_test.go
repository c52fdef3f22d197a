package wsproto

import "testing"

func TestAccept_rfcExample(t *testing.T) {
	if got, want := Accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"dGhlIHNhbXBsZSBub25jZQ==":     true,
		"AAAAAAAAAAAAAAAAAAAAAA==":     true,
		"":                             false,
		"x":                            false,
		"dGhlIHNhbXBsZSBub25jZQ":       false,
		"dGhlIHNhbXBsZSBub25jZR==":     false, // bits behind the last byte
		"dGhlIHNhbXBsZSBub25jZQ==\n":   false,
		"dGhlIHNhbXBsZSBub25j\nZQ==":   false,
		"dGhlIHNhbXBsZSBub25jZQAA":     false, // 18 bytes
		"dGhlIHNhbXBsZSBub25jZQ==AAAA": false,
		"dGhl_HNhbXBsZSBub25jZQ==":     false,
	} {
		if got := ValidKey(key); got != want {
			t.Errorf("ValidKey(%q): got %v, want %v", key, got, want)
		}
	}
}

func TestHasToken(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{[]string{"Upgrade"}, true},
		{[]string{"keep-alive, Upgrade"}, true},
		{[]string{"keep-alive", "\tuPGRADE "}, true},
		{[]string{"keep-alive,,upgrade,"}, true},
		{[]string{"upgraded"}, false},
		{[]string{"up grade"}, false},
		{nil, false},
	} {
		if got := HasToken(c.lines, "upgrade"); got != c.want {
			t.Errorf("%q: got %v, want %v", c.lines, got, c.want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	const none = "-"
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, c := range []struct {
		name  string
		lines []string
		want  string // the answer, none, or "" for a malformed header
	}{
		{"nothing", nil, none},
		{"plain", []string{"permessage-deflate"}, plain},
		{"case", []string{"PerMessage-Deflate"}, plain},
		{"Chrome", []string{"permessage-deflate; client_max_window_bits"}, plain},
		{"no takeover", []string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}, plain},
		{"bits of the client", []string{"permessage-deflate;client_max_window_bits=9"}, plain},
		{"bits of the server", []string{"permessage-deflate; server_max_window_bits=10"}, plain + "; server_max_window_bits=10"},
		{"bits quoted", []string{`permessage-deflate; server_max_window_bits="10"`}, plain + "; server_max_window_bits=10"},
		{"bits quoted with an escape", []string{`permessage-deflate; server_max_window_bits="\10"`}, plain + "; server_max_window_bits=10"},
		{"all bits", []string{"permessage-deflate; server_max_window_bits=15"}, plain + "; server_max_window_bits=15"},
		{"too few bits", []string{"permessage-deflate; server_max_window_bits=7"}, none},
		{"too many bits", []string{"permessage-deflate; server_max_window_bits=16"}, none},
		{"leading zero", []string{"permessage-deflate; server_max_window_bits=08"}, none},
		{"bits without a value", []string{"permessage-deflate; server_max_window_bits"}, none},
		{"client's bits out of range", []string{"permessage-deflate; client_max_window_bits=16"}, none},
		{"takeover with a value", []string{"permessage-deflate; server_no_context_takeover=1"}, none},
		{"client's takeover with a value", []string{"permessage-deflate; client_no_context_takeover=true"}, none},
		{"unknown", []string{"permessage-deflate; mode=fast"}, none},
		{"twice", []string{"permessage-deflate; client_max_window_bits; client_max_window_bits"}, none},
		{"the second offer", []string{"permessage-deflate; server_max_window_bits=99, permessage-deflate"}, plain},
		{"the first of two", []string{"permessage-deflate; server_max_window_bits=9, permessage-deflate"}, plain + "; server_max_window_bits=9"},
		{"another line", []string{"x-webkit-deflate-frame", "permessage-deflate"}, plain},
		{"another extension", []string{"bbf-usp-protocol; eid=\"doc.broadband-forum.org\""}, none},
		{"empty elements", []string{",, permessage-deflate ,,"}, plain},
		{"no name", []string{"; a"}, ""},
		{"no parameter", []string{"permessage-deflate;"}, ""},
		{"no value", []string{"permessage-deflate; a="}, ""},
		{"an open quote", []string{`permessage-deflate; a="b`}, ""},
		{"an empty quote", []string{`permessage-deflate; a=""`}, ""},
		{"a space in a quote", []string{`permessage-deflate; a="b c"`}, ""},
		{"a space between", []string{"permessage deflate"}, ""},
		{"malformed behind a good one", []string{"permessage-deflate, @"}, ""},
	} {
		d, ok, wellFormed := Negotiate(c.lines)
		got := none
		if !wellFormed {
			got = ""
		} else if ok {
			got = d.Response()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDeflate_maxMessage(t *testing.T) {
	for bits, want := range map[int]int{0: 0, 8: 256, 9: 512, 14: 16384, 15: 0} {
		if got := (Deflate{ServerBits: bits}).MaxMessage(); got != want {
			t.Errorf("%d bits: got %d, want %d", bits, got, want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits, x; y=\"z\"")
	f.Fuzz(func(t *testing.T, line string) {
		d, ok, wellFormed := Negotiate([]string{line})
		if ok && !wellFormed {
			t.Errorf("%q: agreed on a malformed offer", line)
		}
		again, okAgain, _ := Negotiate([]string{d.Response()})
		if ok && (!okAgain || again != d) {
			t.Errorf("%q: the answer %q reads as %+v, %v, want %+v", line, d.Response(), again, okAgain, d)
		}
	})
}
