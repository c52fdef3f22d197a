package monitor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/monitor"
)

// A service with a page at /monitor, for whoever works on the machine itself. Scripts read
// the same numbers from stats.json.
func Example() {
	app := geist.New()
	m := monitor.New(monitor.Config{Title: "Shop"})
	app.Use(m.Handler())
	m.Mount(app, "/monitor")
	app.GET("/items/:id", func(c *geist.Ctx) error { return c.Text(200, "a lamp") })

	srv := httptest.NewServer(app.HTTPHandler())
	defer srv.Close()
	get := func(path string) []byte {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			return nil
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return body
	}
	get("/items/1")
	get("/items/2")
	get("/nowhere")

	var stats struct {
		Routes []struct {
			Method, Pattern string
			Count           int
			Status          [5]int // from 1xx to 5xx
		}
	}
	if err := json.Unmarshal(get("/monitor/stats.json"), &stats); err != nil {
		fmt.Println(err)
	}
	for _, r := range stats.Routes {
		fmt.Printf("%d %q %q %v\n", r.Count, r.Method, r.Pattern, r.Status)
	}
	// Output:
	// 2 "GET" "/items/:id" [0 2 0 0 0]
	// 1 "" "" [0 0 0 1 0]
}
