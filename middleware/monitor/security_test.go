package monitor_test

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/monitor"
)

// everything lists what Mount serves.
func everything(app *geist.Engine) (paths []string) {
	for _, route := range app.Routes() {
		if strings.HasPrefix(route.Pattern, "/monitor") {
			paths = append(paths, route.Pattern)
		}
	}
	return append(paths, "/monitor/nothing")
}

func TestCWE_200_notPublicByDefault(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	for _, addr := range []string{"192.0.2.1", "10.0.0.7", "172.17.0.1", "2001:db8::1", "::ffff:192.0.2.1", "127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"} {
		client := geisttest.New(t, app, geisttest.Config{Host: "localhost", RemoteAddr: addr})
		want := 403
		if strings.Contains(addr, "127.") || addr == "::1" {
			want = 200
		}
		for _, path := range everything(app) {
			switch {
			case want == 403:
				client.GET(path).Do().Status(403).HasHeader("Cache-Control", "no-store").NoHeader("Retry-After")
			case path == "/monitor/events":
				client.SSE(path).Close()
			case path != "/monitor/nothing":
				client.GET(path).Do().Status(200)
			}
		}
	}
}

// TestCWE_290_spoofedForwardedFor: neither does a field make a stranger local, nor is a
// stranger local because the proxy that passes the request on is.
func TestCWE_290_spoofedForwardedFor(t *testing.T) {
	trusting := geist.New(geist.Config{TrustedProxies: []string{"127.0.0.0/8", "192.0.2.0/24"}})
	m := monitor.New()
	m.Mount(trusting, "/monitor")
	plain, _ := monitored(monitor.Config{})
	for name, app := range map[string]*geist.Engine{"plain": plain, "trusted proxies": trusting} {
		for _, addr := range []string{"192.0.2.1", "127.0.0.1"} {
			client := geisttest.New(t, app, geisttest.Config{Host: "localhost", RemoteAddr: addr})
			for _, field := range [][2]string{
				{"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-For", "203.0.113.9, 127.0.0.1"}, {"X-Forwarded-For", "::1"}, {"X-Forwarded-Host", "localhost"},
				{"X-Real-IP", "127.0.0.1"}, {"Forwarded", "for=127.0.0.1"}, {"X-Forwarded-Proto", "https"}, {"Via", "1.1 proxy"},
			} {
				if got := client.GET("/monitor/stats.json").Header(field[0], field[1]).Do().StatusCode; got != 403 {
					t.Errorf("%s, from %s with %s: %s: status %d, want 403", name, addr, field[0], field[1], got)
				}
			}
		}
	}
}

// TestCWE_350_dnsRebinding: a name that a stranger's DNS server has pointed here is no
// loopback name.
func TestCWE_350_dnsRebinding(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	client := local(t, app)
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST": 200, "localhost.": 200, "app.localhost:80": 200,
		"127.0.0.1": 200, "127.0.0.1:8080": 200, "[::1]": 200, "[::1]:8080": 200, "[::ffff:127.0.0.1]:1": 200,
		"evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403, "evillocalhost": 403, "127.0.0.1.evil.example": 403,
		"127.0.0.1.nip.io:8080": 403, "0.0.0.0:8080": 403, "192.168.0.1": 403, "[::]:80": 403,
	} {
		if got := client.GET("/monitor/stats.json").Header("Host", host).Do().StatusCode; got != want {
			t.Errorf("Host %s: status %d, want %d", host, got, want)
		}
	}
	if got := client.GET("http://evil.example/monitor/stats.json").Do().StatusCode; got != 403 {
		t.Errorf("an absolute target of another host: status %d, want 403", got)
	}
}

// TestCWE_942_otherOrigins: what CORS middleware grants the whole service, it does not
// grant here.
func TestCWE_942_otherOrigins(t *testing.T) {
	for name, config := range map[string]monitor.Config{"local": {}, "Allow": {Allow: func(*geist.Ctx) bool { return true }}} {
		app, _ := monitored(config)
		app.Use(func(c *geist.Ctx) error { c.SetHeader("Access-Control-Allow-Origin", "*"); return c.Next() })
		client := local(t, app)
		for _, tt := range []struct {
			fields []string
			want   int
		}{
			{nil, 200},
			{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:8080"}, 200},
			{[]string{"Sec-Fetch-Site", "none"}, 200},
			{[]string{"Origin", "http://localhost:8080"}, 200},
			{[]string{"Origin", "http://LOCALHOST:8080"}, 200},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200}, // a link
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
			{[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
			{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
			{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
			{[]string{"Origin", "http://evil.example"}, 403},
			{[]string{"Origin", "http://localhost:9090"}, 403},
			{[]string{"Origin", "null"}, 403},
			{[]string{"Origin", ":"}, 403},
		} {
			r := client.GET("/monitor/stats.json")
			for i := 0; i < len(tt.fields); i += 2 {
				r.Header(tt.fields[i], tt.fields[i+1])
			}
			if got := r.Do().StatusCode; got != tt.want {
				t.Errorf("%s, %q: status %d, want %d", name, tt.fields, got, tt.want)
			}
		}
	}
}

// TestCWE_79_names: patterns and rooms are text, whatever they hold. The page itself is
// tried in a browser, see examples/monitor/browser.
func TestCWE_79_names(t *testing.T) {
	const evil = `<script>alert(1)</script>`
	h := hub.New(hub.Config{})
	sub, err := h.Subscribe(t.Context(), evil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	app, _ := monitored(monitor.Config{Title: evil, Hubs: map[string]*hub.Hub{evil: h}, RoomNames: true})
	app.GET("/"+evil, func(c *geist.Ctx) error { return c.NoContent() })
	client := local(t, app)
	client.GET("/%3Cscript%3Ealert(1)%3C%2Fscript%3E").Do()
	client.GET("/%3Cscript%3Ealert(1)%3C/script%3E").Do().Status(204)
	answer := client.GET("/monitor/stats.json").Do().Status(200).HasHeader("X-Content-Type-Options", "nosniff")
	if n := strings.Count(string(answer.Bytes()), `\u003cscript\u003ealert(1)\u003c/script\u003e`); n != 4 || strings.Contains(string(answer.Bytes()), "<") {
		t.Errorf("%d names in %s", n, answer.Bytes())
	}
	if strings.Contains(string(client.GET("/monitor").Do().Bytes()), evil) {
		t.Error("the page holds a name")
	}
	for _, name := range regexp.MustCompile(`[a-z]+-[0-9a-f]+\.js`).FindAllString(string(client.GET("/monitor").Do().Bytes()), -1) {
		script := client.GET("/monitor/" + name).Do().Status(200).Text()
		if bad := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc`).FindString(script); bad != "" {
			t.Errorf("%s makes markup of text by %s", name, bad)
		}
	}
}

func TestCWE_770_viewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := monitored(monitor.Config{MaxViewers: 3})
		client := local(t, app)
		var open []*geisttest.EventStream
		for range 3 {
			open = append(open, client.SSE("/monitor/events"))
		}
		for range 10 {
			client.GET("/monitor/events").Do().Status(503).HasHeader("Retry-After", "10")
		}
		time.Sleep(time.Second)
		open[1].Close()
		synctest.Wait()
		client.SSE("/monitor/events").Next() // there is a place again
		client.GET("/monitor/events").Do().Status(503)
		client.GET("/monitor").Do().Status(200)
	})
}

// TestCVE_2023_25151_cardinality: what clients choose makes no rows.
func TestCVE_2023_25151_cardinality(t *testing.T) {
	app, m := monitored(monitor.Config{MaxRoutes: 5})
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.NoContent() })
	for i := range 10 {
		app.GET(fmt.Sprintf("/r%d", i), func(c *geist.Ctx) error { return c.NoContent() })
	}
	client := local(t, app)
	for i := range 200 {
		client.GET(fmt.Sprintf("/users/%d?q=%d", i, i)).Header("Host", fmt.Sprintf("h%d.example", i)).Do().Status(204)
		client.GET(fmt.Sprintf("/none/%d", i)).Do().Status(404)
		client.Request(fmt.Sprintf("M%d", i), "/users/1").Do()
	}
	if got := monitor.Rows(m); got != 2 {
		t.Errorf("%d rows for a route and none, want 2", got)
	}
	for i := range 10 {
		client.GET(fmt.Sprintf("/r%d", i)).Do().Status(204)
	}
	s := read(client)
	if got := monitor.Rows(m); got != 5 {
		t.Errorf("%d rows, want 5", got)
	}
	rest := 0
	for _, r := range s.Routes {
		if r.Rest {
			rest += r.Count
		}
	}
	if rest != 7 {
		t.Errorf("%d requests in the row of the rest, want 7", rest)
	}
}

// TestCWE_400_bodyIsNotAskedFor: counting reads no body, so that what stands behind can refuse it
// before it is sent.
func TestCWE_400_bodyIsNotAskedFor(t *testing.T) {
	m := monitor.New()
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(m.Handler(), func(*geist.Ctx) error { return geist.NewError(401, "no") })
	m.Mount(app, "/monitor")
	app.POST("/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	for _, target := range []string{"POST /", "GET /monitor"} {
		conn := client.Dial()
		if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n", target); err != nil {
			t.Fatal(err)
		}
		var head [12]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil || string(head[9:]) != "401" {
			t.Errorf("%s: the answer begins %q, %v, want 401", target, head, err)
		}
	}
}
