package clients

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
	"github.com/gogeist/geist/internal/leakcheck"
)

// packages say where the programs are from.
var packages = map[string]string{"curl": "curl", "h2load": "nghttp2-client", "wrk": "wrk", "nginx": "nginx-light"}

// run runs a program for at most a minute and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not in PATH: run .ci/setup, or install the package %s", name, packages[name])
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// files serves a directory and one file of it, and returns the file.
func files(t *testing.T) (url, name string, data []byte) {
	t.Helper()
	dir := t.TempDir()
	data = make([]byte, 3<<20+17)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	name = filepath.Join(dir, "large.bin")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	app := geist.New(geist.Config{DrainIdle: -1})
	app.Static("/static", dir)
	app.GET("/file", func(c *geist.Ctx) error { return c.File(name) })
	return loopback.Serve(t, app), name, data
}

func TestCurl_range(t *testing.T) {
	leakcheck.Check(t)
	url, _, data := files(t)
	for _, path := range []string{"/static/large.bin", "/file"} {
		for spec, want := range map[string][]byte{
			"0-99":            data[:100],
			"100000-2000000":  data[100000:2000001],
			"-17":             data[len(data)-17:],
			"3145728-":        data[3145728:],
			"3145728-9999999": data[3145728:],
		} {
			got := filepath.Join(t.TempDir(), "part")
			status := run(t, "curl", "-sS", "--max-time", "30", "-r", spec, "-o", got, "-w", "%{http_code} %{size_download}", url+path)
			body, err := os.ReadFile(got)
			if wantStatus := fmt.Sprintf("206 %d", len(want)); err != nil || status != wantStatus || !bytes.Equal(body, want) {
				t.Errorf("curl -r %s %s: %s and %d bytes, %v; want %s", spec, path, status, len(body), err, wantStatus)
			}
		}
		status := run(t, "curl", "-sS", "--max-time", "30", "-r", "99999999-", "-o", os.DevNull, "-w", "%{http_code}", url+path)
		if status != "416" {
			t.Errorf("curl -r beyond the end of %s: %s, want 416", path, status)
		}
	}
}

func TestCurl_resume(t *testing.T) {
	leakcheck.Check(t)
	url, _, data := files(t)
	for _, path := range []string{"/static/large.bin", "/file"} {
		for _, have := range []int{0, 1, 70_000, len(data) - 1} {
			got := filepath.Join(t.TempDir(), "part")
			if err := os.WriteFile(got, data[:have], 0o600); err != nil {
				t.Fatal(err)
			}
			out := run(t, "curl", "-sS", "--max-time", "30", "-C", "-", "-o", got, "-w", "%{size_download}", url+path)
			body, err := os.ReadFile(got)
			if err != nil || !bytes.Equal(body, data) || out != strconv.Itoa(len(data)-have) {
				t.Errorf("curl -C - %s with %d bytes there: %d bytes, %v, fetched %s; want the file of %d", path, have, len(body), err, out, len(data))
			}
		}
	}
}

// Revalidation costs no body.
func TestCurl_notModified(t *testing.T) {
	leakcheck.Check(t)
	url, _, data := files(t)
	etag, got := filepath.Join(t.TempDir(), "etag"), filepath.Join(t.TempDir(), "body")
	for i, want := range []string{fmt.Sprintf("200 %d", len(data)), "304 0"} {
		args := []string{"-sS", "--max-time", "30", "--etag-save", etag, "-o", got, "-w", "%{http_code} %{size_download}", url + "/file"}
		if i > 0 {
			args = append([]string{"--etag-compare", etag}, args...)
		}
		if out := run(t, "curl", args...); out != want {
			t.Errorf("request %d: %s, want %s", i+1, out, want)
		}
	}
}

// loaded returns an application with an answer of each kind.
func loaded(t *testing.T) string {
	t.Helper()
	app := geist.New(geist.Config{DrainIdle: -1})
	app.GET("/text/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")) })
	app.GET("/json", func(c *geist.Ctx) error { return c.JSON(200, geist.Map{"a": []int{1, 2, 3}}) })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			for range 3 {
				if _, err := w.WriteString("line\n"); err != nil {
					return err
				}
				if err := w.Flush(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return loopback.Serve(t, app)
}

func TestH2load_noErrors(t *testing.T) {
	leakcheck.Check(t)
	url := loaded(t)
	for _, path := range []string{"/text/7", "/json", "/stream"} {
		out := run(t, "h2load", "--h1", "-n", "2000", "-c", "16", "-t", "1", url+path)
		const want = "requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout"
		if !strings.Contains(out, want) || !strings.Contains(out, "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx") {
			t.Errorf("h2load %s:\n%s\nwant %q", path, out, want)
		}
	}
}

func TestWrk_noErrors(t *testing.T) {
	leakcheck.Check(t)
	url := loaded(t)
	for _, path := range []string{"/text/7", "/json", "/stream"} {
		out := run(t, "wrk", "-t", "1", "-c", "16", "-d", "1s", url+path)
		requests, _, found := strings.Cut(out, " requests in ")
		n, err := strconv.Atoi(requests[strings.LastIndexAny(requests, " \n")+1:])
		// wrk names errors of sockets and answers that are not 2xx or 3xx only if there are any.
		if !found || err != nil || n == 0 || strings.Contains(out, "Socket errors") || strings.Contains(out, "Non-2xx") {
			t.Errorf("wrk %s: %d requests, %v, want some and no error:\n%s", path, n, err, out)
		}
	}
}
