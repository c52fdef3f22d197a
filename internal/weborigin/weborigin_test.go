package weborigin

import (
	"strings"
	"testing"
)

func TestCanonical_forms(t *testing.T) {
	long := strings.Repeat("a", 63) + "."
	for _, tt := range []struct{ in, want string }{ // "" for none
		{"https://app.example.com", "https://app.example.com"},
		{"HTTPS://App.Example.COM:443", "https://app.example.com"},
		{"http://example.com:80", "http://example.com"},
		{"http://example.com:443", "http://example.com:443"},
		{"http://localhost:3000", "http://localhost:3000"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http://[0:0::1]:8080", "http://[::1]:8080"},
		{"https://[2001:DB8::1]", "https://[2001:db8::1]"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"capacitor://localhost", "capacitor://localhost"},
		{"chrome-extension://abc", "chrome-extension://abc"},
		{"https://my_host.example", "https://my_host.example"},
		{"null", ""},
		{"", ""},
		{"*", ""},
		{"example.com", ""},
		{"//example.com", ""},
		{"://example.com", ""},
		{"https://", ""},
		{"https://example.com/", ""},
		{"https://example.com/*", ""},
		{"https://example.com?a", ""},
		{"https://example.com#a", ""},
		{"https://user@example.com", ""},
		{"https://example.com.", ""},
		{"https://.example.com", ""},
		{"https://a..example.com", ""},
		{"https://*.example.com", ""},
		{"https://bücher.example", ""},
		{"https://example.com:0", ""},
		{"https://example.com:", ""},
		{"https://example.com:08", ""},
		{"https://example.com:65536", ""},
		{"https://example.com:443:443", ""},
		{"https://example.com:80a", ""},
		{"https://1.2.3", ""},
		{"https://1.2.3.256", ""},
		{"https://example.123", ""},
		{"https://[::1", ""},
		{"https://[::ffff:1.2.3.4]", ""},
		{"https://[fe80::1%25eth0]", ""},
		{"https://[1.2.3.4]", ""},
		{"https://example.com\r\nX: y", ""},
		{"1https://example.com", ""},
		{"https://" + strings.Repeat("a", 64) + ".example", ""},
		{"https://" + strings.Repeat(long, 4) + "example", ""},
		{strings.Repeat("a", 600) + "://example.com", ""},
	} {
		got, ok := Canonical(tt.in)
		if !ok {
			got = ""
		}
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Canonical(%q) = %q, %v, want %q", tt.in, got, ok, tt.want)
		}
	}
}

func TestValid_onlyAsBrowsersWrite(t *testing.T) {
	for _, s := range []string{"HTTPS://example.com", "https://Example.com", "https://example.com:443", "http://example.com:80", "http://[0:0::1]"} {
		if Valid(s) {
			t.Errorf("Valid(%q) = true, want false", s)
		}
	}
}

func TestHasBelow_owners(t *testing.T) {
	for name, want := range map[string]bool{
		"example.com": true, "a.example.com": true, "localhost": true,
		"com": false, "": false, "1.2.3.4": false, "example.com.": false, "*.example.com": false,
	} {
		if got := HasBelow(name); got != want {
			t.Errorf("HasBelow(%q) = %v, want %v", name, got, want)
		}
	}
}
