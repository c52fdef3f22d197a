package requestid_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/requestid"
)

// TestCVE_2025_66630_weakRandomness: ids have 128 random bits, never the zeros of a source
// that failed, and do not repeat.
func TestCVE_2025_66630_weakRandomness(t *testing.T) {
	client := geisttest.New(t, echo(requestid.Config{}))
	seen := map[string]bool{}
	for range 1000 {
		id := client.GET("/").Do().Text()
		if !freshID.MatchString(id) || strings.Trim(id, "0") == "" || seen[id] {
			t.Fatalf("id = %q, want 32 random digits that no request had before", id)
		}
		seen[id] = true
	}
}

// TestCVE_2020_36567_logInjection: what could end a line or act on a terminal is no id.
func TestCVE_2020_36567_logInjection(t *testing.T) {
	client := geisttest.New(t, echo(requestid.Config{}))
	for _, id := range []string{
		"a b", "a\tb", `a"b`, "a;b", "<script>", "a%0ab", "a\x1b[2J", "caf\u00e9", "a,b", `a\nb`, strings.Repeat("a", 10<<10),
	} {
		resp, err := client.GET("/").Header("X-Request-ID", id).DoErr()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == 200 && !freshID.MatchString(resp.Header("X-Request-ID")) || resp.StatusCode >= 500 {
			t.Errorf("%.20q: status %d, id %q, want a new one", id, resp.StatusCode, resp.Header("X-Request-ID"))
		}
	}
}

// TestNew_severalIDs: of several ids a proxy may have looked at another one than the log shows.
func TestNew_severalIDs(t *testing.T) {
	id := geisttest.New(t, echo(requestid.Config{})).GET("/").Header("X-Request-ID", "one").Header("X-Request-ID", "two").Do().Text()
	if !freshID.MatchString(id) {
		t.Errorf("id = %q, want a new one", id)
	}
}
