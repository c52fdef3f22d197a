package hostauth_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/hostauth"
)

// A page of the attacker's points its name at this server: its requests come with that name.
func TestNew_dnsRebinding(t *testing.T) {
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"localhost", "127.0.0.1", "[::1]"}})))
	client.GET("/").Host("localhost:8080").Do().Status(200)
	for _, host := range []string{
		"rebind.evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8080", "localhost.localdomain", "127.1", "0x7f.1", "2130706433", "0.0.0.0",
	} {
		client.GET("/").Host(host).Do().Status(421)
		client.GET("/").Host("localhost").Header("X-Forwarded-Host", host).Do().Status(200) // nobody reads it
	}
}

// X-Forwarded-Host counts if a trusted proxy sent it, and then in place of Host.
func TestNew_forwardedHost(t *testing.T) {
	allow := hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})
	client := geisttest.New(t, served(allow, geist.Config{TrustedProxies: []string{"192.0.2.9"}}))
	client.GET("/").Host("evil.example").Header("X-Forwarded-Host", "example.com").Do().Status(421)
	client.GET("/").RemoteAddr("192.0.2.9").Host("internal").Header("X-Forwarded-Host", "example.com").Do().Status(200)
	client.GET("/").RemoteAddr("192.0.2.9").Host("example.com").Header("X-Forwarded-Host", "evil.example").Do().Status(421)
}

// A target that names a host decides, whatever the Host field says (RFC 9112 §3.2.2).
func TestNew_absoluteTarget(t *testing.T) {
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})))
	for target, want := range map[string]string{"http://evil.example/": "421", "http://example.com/": "200", "http://example.com@evil.example/": "400"} {
		conn := client.Dial()
		_, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+want) {
			t.Errorf("target %s: %.40q, %v, want %s", target, answer, err, want)
		}
		conn.Close()
	}
}

func TestNew_refusesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config []hostauth.Config
	}{
		{"no Config", nil},
		{"no hosts", []hostauth.Config{{}}},
		{"an empty list", []hostauth.Config{{AllowHosts: []string{}}}},
		{"two Configs", []hostauth.Config{{AllowHosts: []string{"a.example"}}, {}}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantRefusal(t, tt.config...) })
	}
	for _, host := range []string{
		"", "*", "*.", "*.com", "*.192.0.2.7", "*.[::1]", "**.example.com", "a.*.example.com", "*example.com", "example.*", "https://example.com", "example.com/", "example.com:port",
		"example.com:70000", "example.com:*", "::1", "[::1", "::1]", "[::1%eth0]", "[192.0.2.7]", "user@example.com", "exämple.com", "a b", "example.com\r\n",
	} {
		t.Run(host, func(t *testing.T) { wantRefusal(t, hostauth.Config{AllowHosts: []string{host}}) })
	}
}

// wantRefusal checks that New panics with a sentence.
func wantRefusal(t *testing.T, config ...hostauth.Config) {
	t.Helper()
	defer func() {
		if v := recover(); !strings.HasPrefix(fmt.Sprint(v), "hostauth: ") {
			t.Errorf("New(%+v) panics with %v, want a sentence", config, v)
		}
	}()
	hostauth.New(config...)
}
