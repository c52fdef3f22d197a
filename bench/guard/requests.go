//go:build linux

package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gogeist/geist"

	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/tables"
)

// request is a case: one request to a whole server, many times over one connection in
// memory.
type request struct {
	name  string
	raw   string
	burst int // requests that arrive at once
	code  int
	setup func(app *geist.Engine)
}

const (
	textRequest = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
	postHead    = "POST /orgs/acme/users?dry=true HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
	goodUser    = `{"name":"Ada Lovelace","email":"ada@example.com","age":36,"tags":["math","engines"]}`
	badUser     = `{"name":7,"email":true,"age":"x"}`
	// chain is the number of pass-through middlewares of a case.
	chain = 5
)

type newUser struct {
	Org   string   `path:"org" json:"-"`
	Dry   bool     `query:"dry" json:"-"`
	Name  string   `json:"name"`
	Email string   `json:"email"`
	Age   int      `json:"age"`
	Tags  []string `json:"tags"`
}

type page struct {
	Limit  int    `query:"limit"`
	Offset int    `query:"offset"`
	Sort   string `query:"sort"`
	Desc   bool   `query:"desc"`
}

type user struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Admin bool     `json:"admin"`
	Tags  []string `json:"tags"`
}

// requests returns every case.
func requests() []request {
	return []request{
		{"http/text", textRequest, 1, 200, text},
		{"http/text, 16 at once", textRequest, 16, 200, text},
		{"http/params", "GET /repos/gogeist/geist/issues/1347 HTTP/1.1\r\nHost: localhost\r\n\r\n", 1, 200, params},
		{"http/json", textRequest, 1, 200, func(app *geist.Engine) {
			v := &user{583231, "Mona Lisa Octocat", true, []string{"go", "web"}}
			app.GET("/hello", func(c *geist.Ctx) error { return c.JSON(http.StatusOK, v) })
		}},
		{"http/query", "GET /list?limit=20&offset=40&sort=name&desc=true HTTP/1.1\r\nHost: localhost\r\n\r\n", 1, 200, func(app *geist.Engine) {
			app.GET("/list", func(c *geist.Ctx) error {
				p, err := geist.Bind[page](c)
				if err != nil {
					return err
				}
				return c.Text(http.StatusOK, p.Sort)
			})
		}},
		{"http/typed", post(goodUser), 1, 201, typed},
		{"http/typed, refused", post(badUser), 1, 422, typed},
		{"http/middleware", textRequest, 1, 200, func(app *geist.Engine) {
			for range chain {
				app.Use(func(c *geist.Ctx) error { return c.Next() })
			}
			text(app)
		}},
		{"http/context", textRequest, 1, 200, func(app *geist.Engine) {
			app.GET("/hello", func(c *geist.Ctx) error {
				if err := c.Context().Err(); err != nil {
					return err
				}
				return c.Text(http.StatusOK, "Hello, World!")
			})
		}},
		{"http/404", "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 1, 404, text},
		{"http/405", strings.Replace(textRequest, "GET", "DELETE", 1), 1, 405, text},
	}
}

func post(body string) string { return fmt.Sprintf("%s%d\r\n\r\n%s", postHead, len(body), body) }

func text(app *geist.Engine) {
	app.GET("/hello", func(c *geist.Ctx) error { return c.Text(http.StatusOK, "Hello, World!") })
}

// params is GitHub's table, with the strings of every parameter read.
func params(app *geist.Engine) {
	for _, r := range tables.GitHub().Routes {
		names := r.Params
		app.Handle(r.Method, r.Pattern, func(c *geist.Ctx) error {
			n := 0
			for _, name := range names {
				n += len(c.Param(name))
			}
			if n == 0 {
				return errors.New("no parameter")
			}
			return c.Text(http.StatusOK, "Hello, World!")
		})
	}
}

func typed(app *geist.Engine) {
	geist.Post(app, "/orgs/:org/users", func(_ *geist.Ctx, in *newUser) (*newUser, error) { return in, nil }, geist.Status(http.StatusCreated))
}

const (
	// count is how many requests a round has: enough that what belongs to the connection
	// does not count.
	count = 16_000
	// rounds is how often a request is counted. What disturbs a count adds to it, so the least
	// is right.
	rounds = 5
)

func (r request) measure(n int) (_ []Figure, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // pools keep what they have
	app := geist.New(geist.Config{DisableBanner: true})
	r.setup(app)
	if err := app.Check(); err != nil {
		return nil, err
	}
	ln := memconn.Listen()
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	defer func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // cut what is left: the case is over
		_ = app.Shutdown(ctx)
		err = errors.Join(err, <-served)
	}()
	size, err := r.prove(ln, n)
	if err != nil {
		return nil, err
	}
	allocs, allocated, calls := math.Inf(1), math.Inf(1), [2]int{math.MaxInt, math.MaxInt}
	for range rounds {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := r.serve(ln, n, false)
		runtime.ReadMemStats(&after)
		if err != nil {
			return nil, err
		}
		if got, want := c.Written(), n*size; got != want {
			return nil, fmt.Errorf("%d requests were answered with %d bytes, want %d", n, got, want)
		}
		allocs = min(allocs, float64(after.Mallocs-before.Mallocs)/float64(n))
		allocated = min(allocated, float64(after.TotalAlloc-before.TotalAlloc)/float64(n))
		reads, writes := c.Calls()
		calls = [2]int{min(calls[0], reads-1), min(calls[1], writes)} // without the end of the file
	}
	return []Figure{
		figure(r.name, "allocations/request", allocs, 0.02, 2).inMemory(),
		figure(r.name, "B allocated/request", allocated, 3+allocated/50, 0).inMemory(),
		figure(r.name, "B of the answer", float64(size), 0, 0),
		figure(r.name, "reads/request", float64(calls[0])/float64(n), 0, 3),
		figure(r.name, "writes/request", float64(calls[1])/float64(n), 0, 3),
	}, nil
}

// prove serves a few requests, whose answers must be right, and fills the pools. It returns
// the size of one answer.
func (r request) prove(ln *memconn.Listener, n int) (int, error) {
	c, err := r.serve(ln, 1, true)
	if err != nil {
		return 0, err
	}
	if want := fmt.Appendf(nil, "HTTP/1.1 %d ", r.code); !bytes.HasPrefix(c.Output(), want) {
		return 0, fmt.Errorf("answered %.200q, want %q", c.Output(), want)
	}
	_, err = r.serve(ln, n, false)
	return c.Written(), err
}

func (r request) serve(ln *memconn.Listener, n int, keep bool) (*memconn.Conn, error) {
	c := memconn.New([]byte(r.raw), n, r.burst, keep)
	if err := ln.Push(c); err != nil {
		return nil, err
	}
	<-c.Done()
	return c, nil
}
