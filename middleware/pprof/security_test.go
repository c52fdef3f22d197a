package pprof_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/pprof"
)

// paths are those of everything that is served.
var paths = [...]string{"/p/", "/p/cmdline", "/p/profile", "/p/symbol", "/p/trace", "/p/heap", "/p/nothing"}

// TestMount_strangers: nothing is served to another machine.
func TestMount_strangers(t *testing.T) {
	client := geisttest.New(t, newApp("/p", pprof.Config{}))
	for _, peer := range []string{"203.0.113.7", "10.0.0.1", "[2001:db8::1]:1", "unix"} {
		for _, path := range paths {
			r := client.GET(path).RemoteAddr(peer).Host("localhost").Do().Status(403)
			if strings.Contains(r.Text(), "goroutine") {
				t.Errorf("%s from %s: %s", path, peer, r.Text())
			}
		}
	}
	for _, peer := range []string{"127.0.0.1", "127.9.9.9", "[::1]:1", "::ffff:127.0.0.1"} {
		client.GET("/p/heap").RemoteAddr(peer).Host("localhost").Do().Status(200)
	}
}

// TestCVE_2023_41338_localIsNotClaimed: whatever a client or a proxy says of addresses, that of
// the connection counts, and a request that was passed on is not local.
func TestCVE_2023_41338_localIsNotClaimed(t *testing.T) {
	client := geisttest.New(t, newApp("/p", pprof.Config{})) // which trusts the proxy on 127.0.0.1
	for name, value := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1", "Via": "1.1 a", "X-Forwarded-Host": "localhost",
	} {
		client.GET("/p/heap").RemoteAddr("203.0.113.7").Host("localhost").Header(name, value).Do().Status(403)
		get(client, "/p/heap").Header(name, value).Do().Status(403)
	}
}

// TestLocal_rebinding: a page whose name was made to resolve to this machine sends its own name.
func TestLocal_rebinding(t *testing.T) {
	client := geisttest.New(t, newApp("/p", pprof.Config{}))
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1": 200, "127.0.0.1:8080": 200, "[::1]": 200, "[::1]:8080": 200,
		"evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "203.0.113.7": 403, "0.0.0.0:8080": 403,
	} {
		client.GET("/p/heap").RemoteAddr("127.0.0.1").Host(host).Do().Status(want)
	}
}

// TestConfig_Allow: the rule of one's own replaces the other one, and is asked for every route.
func TestConfig_Allow(t *testing.T) {
	client := geisttest.New(t, newApp("/p", pprof.Config{Allow: func(c *geist.Ctx) bool { return c.Header("Authorization") == "right" }}))
	for _, path := range paths {
		get(client, path).Do().Status(403)
	}
	client.GET("/p/heap").RemoteAddr("203.0.113.7").Header("Authorization", "right").Do().Status(200)
}
