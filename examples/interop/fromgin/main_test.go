package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	leakcheck.Main(m)
}

// fronts serves the service both ways.
func fronts(t *testing.T, wait tick) map[string]string {
	t.Helper()
	h, behind := ginInFront(wait)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := behind.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return map[string]string{
		"geist in front": loopback.Serve(t, geistInFront(wait)),
		"gin in front":   loopback.ServeHTTP(t, h),
	}
}

func never(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestHalves_answerAsOneService(t *testing.T) {
	leakcheck.Check(t)
	urls := fronts(t, never)
	client := loopback.Client(t) // its connections end before the servers
	for front, url := range urls {
		for _, tt := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"GET", "/old/7", "", 200, `{"by":"gin","id":"7","user":"ada"}`},
			{"GET", "/new/7", "", 200, `{"by":"geist","id":"7","user":"ada"}`},
			{"POST", "/new/7", "a body", 200, "gin has a body from ada"},
			{"HEAD", "/new/7", "", 200, ""},
			{"GET", "/new/a%20b", "", 200, `{"by":"geist","id":"a b","user":"ada"}`},
			{"GET", "/old/a%20b", "", 200, `{"by":"gin","id":"a b","user":"ada"}`},
			{"GET", "/nowhere", "", 404, "*"},
		} {
			got := loopback.Do(t, client, tt.method, url+tt.path, strings.NewReader(tt.body), "Authorization", "Bearer ada")
			if got.Status != tt.status || tt.want != "*" && got.Body != tt.want {
				t.Errorf("%s: %s %s: got %d %q, want %d %q", front, tt.method, tt.path, got.Status, got.Body, tt.status, tt.want)
			}
		}
		for _, path := range []string{"/old/7", "/new/7", "/nowhere"} {
			got := loopback.Do(t, client, http.MethodGet, url+path, nil)
			if got.Status != 401 || got.Header.Get("WWW-Authenticate") != "Bearer" || got.Body != "who are you?\n" {
				t.Errorf("%s: GET %s by nobody: got %d %q, want 401 from the middleware", front, path, got.Status, got.Body)
			}
		}
	}
}

func TestHalves_streamsFlush(t *testing.T) {
	leakcheck.Check(t)
	next := make(chan struct{})
	wait := func(ctx context.Context) error {
		select {
		case <-next:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	urls := fronts(t, wait)
	client := loopback.Client(t)
	for front, url := range urls {
		for _, path := range []string{"/old/ticks", "/new/ticks"} {
			resp := begin(t, t.Context(), client, url+path)
			lines := bufio.NewReader(resp.Body)
			for _, want := range []string{"tick 0\n", "tick 1\n", "tick 2\n"} {
				if line, err := lines.ReadString('\n'); line != want || err != nil {
					t.Fatalf("%s: GET %s: got %q, %v, want %q before the handler goes on", front, path, line, err, want)
				}
				next <- struct{}{}
			}
			if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
				t.Errorf("%s: GET %s: rest %q, %v, want a complete body", front, path, rest, err)
			}
			resp.Body.Close()
		}
	}
}

// A client that leaves ends the context of the handler in the half behind, too.
func TestHalves_clientLeaves(t *testing.T) {
	leakcheck.Check(t)
	ended := make(chan error, 1)
	wait := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			ended <- nil
		case <-time.After(20 * time.Second):
			ended <- context.DeadlineExceeded
		}
		return context.Canceled
	}
	urls := fronts(t, wait)
	client := loopback.Client(t)
	for front, url := range urls {
		for _, path := range []string{"/old/ticks", "/new/ticks"} {
			ctx, leave := context.WithCancel(t.Context())
			resp := begin(t, ctx, client, url+path)
			if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Fatalf("%s: GET %s: %q, %v", front, path, line, err)
			}
			leave()
			resp.Body.Close()
			if err := <-ended; err != nil {
				t.Errorf("%s: GET %s: the handler's context did not end", front, path)
			}
		}
	}
}

// begin sends a request as ada and returns its answer while that goes on.
func begin(t *testing.T, ctx context.Context, client *http.Client, url string) *http.Response { //nolint:revive // the test comes first, as everywhere
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ada")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}
