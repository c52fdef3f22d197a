package page

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// start serves the page and returns its address.
func start(t *testing.T) string {
	t.Helper()
	app := geist.New(geist.Config{DrainIdle: -1})
	if err := Register(app); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func get(t *testing.T, method, url, ifNoneMatch string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ifNoneMatch != "" {
		req.Header.Set("If-None-Match", ifNoneMatch)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestPage_servesAndRevalidates(t *testing.T) {
	base := start(t)
	for _, f := range served {
		t.Run(f.file, func(t *testing.T) {
			res, body := get(t, "GET", base+f.path, "")
			want, err := read(f.file)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != 200 || body != string(want) {
				t.Fatalf("status %d and %d bytes, want 200 and %d", res.StatusCode, len(body), len(want))
			}
			if got := res.Header.Get("Content-Type"); got != f.contentType {
				t.Errorf("Content-Type = %q, want %q", got, f.contentType)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("Cache-Control = %q", got)
			}
			if head, body := get(t, "HEAD", base+f.path, ""); head.StatusCode != 200 || body != "" || head.ContentLength != int64(len(want)) {
				t.Errorf("HEAD: %d, %q, length %d", head.StatusCode, body, head.ContentLength)
			}
			if res, body := get(t, "GET", base+f.path, res.Header.Get("Etag")); res.StatusCode != 304 || body != "" {
				t.Errorf("with its ETag: %d and %q, want 304", res.StatusCode, body)
			}
			if res, _ := get(t, "GET", base+f.path, `"old"`); res.StatusCode != 200 {
				t.Errorf("with an old ETag: %d, want 200", res.StatusCode)
			}
		})
	}
}

// The policy allows nothing inline and nothing from elsewhere: the page must not need it.
func TestPage_needsNoOtherServer(t *testing.T) {
	paths := map[string]bool{"/docs": true, "/docs/realtime": true, "/monitor": true} // of others
	for _, f := range served {
		paths[f.path] = true
	}
	html := ""
	for _, name := range []string{"index.html", "login.html"} {
		b, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		html += string(b)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if !paths[m[1]] {
			t.Errorf("the page asks for %q, which is not served", m[1])
		}
	}
	for _, f := range served {
		module, err := read(f.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^import .*"\./([^"]*)";$`).FindAllStringSubmatch(string(module), -1) {
			if !paths["/"+m[1]] {
				t.Errorf("%s imports %q, which is not served", f.file, m[1])
			}
		}
	}
	if strings.Contains(html, " style=") || strings.Contains(html, " onclick=") || strings.Contains(html, "<style") {
		t.Error("the page has inline style or script, which its policy forbids")
	}
}
