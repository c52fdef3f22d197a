package pprof_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"runtime"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/pprof"
)

func newApp(prefix string, config pprof.Config) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), TrustedProxies: []string{"127.0.0.1"}, DrainIdle: -1})
	pprof.Mount(app, prefix, config)
	return app
}

// get asks as a client on the same machine does.
func get(c *geisttest.Client, path string) *geisttest.Request {
	return c.GET(path).RemoteAddr("127.0.0.1").Host("localhost:8080")
}

// gzipped is how a profile begins.
var gzipped = []byte{0x1f, 0x8b}

func TestMount(t *testing.T) {
	client := geisttest.New(t, newApp("/debug/pprof", pprof.Config{}))
	for _, tt := range []struct {
		path, holds string
	}{
		{"/debug/pprof/", "Types of profiles available"},
		{"/debug/pprof/cmdline", "pprof.test"},
		{"/debug/pprof/symbol", "num_symbols"},
		{"/debug/pprof/goroutine?debug=1", "goroutine profile:"},
		{"/debug/pprof/heap", string(gzipped)},
		{"/debug/pprof/allocs?debug=1", "heap profile:"},
		{"/debug/pprof/trace?seconds=1", "go 1."},
		{"/debug/pprof/profile?seconds=1", string(gzipped)},
		{"/debug/pprof/mutex?seconds=1", string(gzipped)},
	} {
		t.Run(tt.path, func(t *testing.T) {
			r := get(client.With(t), tt.path).Do().Status(200).HasHeader("Cache-Control", "no-store")
			if !bytes.Contains(r.Bytes(), []byte(tt.holds)) {
				t.Errorf("%d bytes without %q", len(r.Bytes()), tt.holds)
			}
		})
	}
	get(client, "/debug/pprof/nothing").Do().Status(404)
	get(client, "/debug/pprof").Do().Status(308).HasHeader("Location", "/debug/pprof/")
	client.POST("/debug/pprof/symbol").RemoteAddr("127.0.0.1").Host("localhost").BodyString("0x1+0x2").Do().Status(200).BodyContains("num_symbols")
	client.POST("/debug/pprof/heap").RemoteAddr("127.0.0.1").Host("localhost").Do().Status(405)
	client.HEAD("/debug/pprof/heap").RemoteAddr("127.0.0.1").Host("localhost").Do().Status(200)
}

var link = regexp.MustCompile(`href=['"]([^'"]+)['"]`)

// TestMount_links: the links of the index lead to profiles under any prefix.
func TestMount_links(t *testing.T) {
	for _, prefix := range []string{"/debug/pprof", "/p", "/a/b/c/", ""} {
		app := geist.New()
		pprof.Mount(app.Group("/admin"), prefix)
		client := geisttest.New(t, app)
		base := "/admin" + strings.TrimSuffix(prefix, "/") + "/"
		links := link.FindAllStringSubmatch(get(client, base).Do().Status(200).Text(), -1)
		if len(links) < 6 {
			t.Fatalf("%s: %d links", prefix, len(links))
		}
		for _, m := range links {
			if name, _, _ := strings.Cut(m[1], "?"); strings.Contains(m[1], "/") || name == "" {
				t.Errorf("%s: link %q is not relative", prefix, m[1])
			} else if name != "profile" && name != "trace" {
				get(client, base+m[1]).Do().Status(200)
			}
		}
	}
}

// TestMount_writeTimeout: a profile that takes longer than WriteTimeout is sent whole.
func TestMount_writeTimeout(t *testing.T) {
	app := geist.New(geist.Config{WriteTimeout: 500 * time.Millisecond, ReadTimeout: 500 * time.Millisecond})
	pprof.Mount(app, "/p")
	if b := get(geisttest.New(t, app), "/p/profile?seconds=1").Do().Status(200).Bytes(); !bytes.HasPrefix(b, gzipped) {
		t.Errorf("%d bytes, want a profile", len(b))
	}
}

// TestMount_alone: a second profile is refused while one is taken, which ends when its client leaves.
func TestMount_alone(t *testing.T) {
	app := newApp("/p", pprof.Config{})
	begun := make(chan struct{}, 1)
	app.Use(func(c *geist.Ctx) error {
		if c.Query("seconds") == "60" {
			c.OnClose(func() { close(begun) })
		}
		return c.Next()
	})
	client := geisttest.New(t, app)
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = get(client, "/p/trace?seconds=60").Context(ctx).DoErr()
	}()
	for !trace.IsEnabled() {
		runtime.Gosched()
	}
	get(client, "/p/profile?seconds=1").Do().Status(409)
	get(client, "/p/trace?seconds=1").Do().Status(409)
	leave()
	<-gone
	<-begun // the handler has ended, long before its minute
	get(client, "/p/trace?seconds=1").Do().Status(200)
}

func TestConfig_MaxDuration(t *testing.T) {
	client := geisttest.New(t, newApp("/p", pprof.Config{MaxDuration: 2 * time.Second}))
	for _, path := range []string{
		"/p/profile?seconds=3", "/p/trace?seconds=1.5", "/p/heap?seconds=3", "/p/profile?seconds=0", "/p/profile?seconds=-1", "/p/profile?seconds=",
		"/p/profile?seconds=1e1", "/p/profile?seconds=99999999999999999999", "/p/trace?seconds=NaN", "/p/trace?seconds=Inf",
		"/p/profile?seconds=1&seconds=600", "/p/profile?%73econds=600", "/p/profile?seconds=1;seconds=600", "/p/profile?seconds=1%",
	} {
		get(client, path).Do().Status(400)
	}
	begin := time.Now()
	get(client, "/p/profile").Do().Status(200)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("a profile of no length took %s, want the most that is allowed", took)
	}
}

func TestMount_config(t *testing.T) {
	for name, f := range map[string]func(){
		"seconds":     func() { newApp("/p", pprof.Config{MaxDuration: time.Millisecond}) },
		"negative":    func() { newApp("/p", pprof.Config{MaxDuration: -1}) },
		"two configs": func() { pprof.Mount(geist.New(), "/p", pprof.Config{}, pprof.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "pprof: ") {
					t.Errorf("panic = %q, want one of this package", s)
				}
			}()
			f()
		})
	}
}

// TestMount_insideNetHTTP: the connection is one of net/http's server.
func TestMount_insideNetHTTP(t *testing.T) {
	h := newApp("/p", pprof.Config{}).HTTPHandler()
	for peer, want := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "203.0.113.7:1": 403} {
		r := httptest.NewRequest("GET", "http://localhost/p/heap", nil)
		r.RemoteAddr = peer
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: %d, want %d", peer, w.Code, want)
		}
	}
}
