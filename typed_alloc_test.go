//go:build !race && !geistdebug

package geist_test

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/gogeist/geist"
)

type allocInput struct {
	Org  string `path:"org" json:"-"`
	Dry  bool   `query:"dry" json:"-"`
	Name string `json:"name"`
	Age  int    `json:"age"`
}

// byHand is what one would write without typed handlers: no check of the body's media type,
// for keys that occur twice or for the client's Accept, and no list of problems.
func byHand(codec geist.Codec) geist.Handler {
	return func(c *geist.Ctx) error {
		in := new(allocInput)
		if err := codec.Decode(c.Body(), in); err != nil {
			return geist.NewError(400, "")
		}
		in.Org = c.Param("org")
		if dry := c.Query("dry"); dry != "" {
			var err error
			if in.Dry, err = strconv.ParseBool(dry); err != nil {
				return geist.NewError(400, "")
			}
		}
		return c.JSON(201, &allocUser{in.Name, in.Age})
	}
}

// TestTyped_allocs: a typed handler allocates what its user would by hand, exactly.
func TestTyped_allocs(t *testing.T) {
	const requests = 20_000
	app := quiet(geist.Config{JSON: geist.GoJSON()})
	geist.Post(app, "/typed/:org", func(_ *geist.Ctx, in *allocInput) (*allocUser, error) {
		return &allocUser{in.Name, in.Age}, nil
	}, geist.Status(201))
	app.POST("/hand/:org", byHand(geist.GoJSON()))
	known := &allocUser{"Ada", 36}
	geist.Get(app, "/none", func(*geist.Ctx, *geist.None) (*allocUser, error) { return known, nil })
	geist.Get(app, "/params/:a", func(_ *geist.Ctx, in *struct {
		A string `path:"a"`
		N int    `query:"n"`
	}) (*allocUser, error) {
		if in.A == "" || in.N == 0 {
			return nil, geist.NewError(500, "")
		}
		return known, nil
	})
	geist.Get(app, "/value", func(*geist.Ctx, *geist.None) (allocUser, error) { return *known, nil })
	geist.Delete(app, "/empty", func(*geist.Ctx, *geist.None) (geist.None, error) { return geist.None{}, nil })
	srv := app.Server()
	mallocs := func(request, status string) int {
		if got := firstStatus(t, srv.ServeConn, request); got != status {
			t.Fatalf("%q: got %s, want %s", request, got, status)
		}
		run := func(n int) {
			if err := srv.ServeConn(&loopConn{request: request, left: n}); err != nil {
				t.Fatal(err)
			}
		}
		run(1000)
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(requests)
		runtime.ReadMemStats(&after)
		return int(after.Mallocs - before.Mallocs)
	}
	const body = `{"name":"Ada Lovelace","age":36}`
	post := func(path string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	typed, hand := mallocs(post("/typed/acme?dry=true"), "201"), mallocs(post("/hand/acme?dry=true"), "201")
	if typed > hand+requests/100 {
		t.Errorf("mallocs of %d requests: got %d, want those by hand, %d", requests, typed, hand)
	}
	for _, tt := range []struct {
		request, status string
		each            int // of the user's own values
		read            int // bytes of strings
	}{
		{getRequest("/none"), "200", 0, 0},
		{getRequest("/params/abcdefgh?n=7"), "200", 1, 8},
		{getRequest("/value"), "200", 1, 0},
		{"DELETE /empty HTTP/1.1\r\nHost: localhost\r\n\r\n", "204", 0, 0},
		{"GET /none HTTP/1.1\r\nHost: localhost\r\nAccept: text/html;q=0.9, application/json\r\n\r\n", "200", 0, 0},
	} {
		got, want := mallocs(tt.request, tt.status), requests*tt.each+requests*tt.read/(2<<10)+requests/100
		if got > want || got < requests*tt.each {
			t.Errorf("%q: mallocs of %d requests: got %d, want at most %d", tt.request, requests, got, want)
		}
	}
}
