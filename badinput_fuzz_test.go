package geist_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// FuzzServe_bytes feeds a connection: whatever it is, nothing panics, every answer
// can be read, none is a server error, and every Location stays on the host.
func FuzzServe_bytes(f *testing.F) {
	for _, s := range []string{
		get("/alive"), get("//a/b?://"), get("http://a:1?b#c"), get("*"), get("/a/%2e%2e/./b//"), get("/%5cb"), get("/?a=%zz&&=&+"), get("/\xff#"),
		post("Content-Length: 3\r\n", "abc") + get("/alive"), post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"),
		chunked("3;a=b\r\nabc\r\n0\r\nX-A: b\r\nX-User: root\r\n\r\n") + get("/alive"), chunked("fffffffffffffff\r\n"),
		post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"),
		"GET / HTTP/1.1\nHost: [::1]:80\n\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n\r\n\n",
		with("X: a\r\n b\r\n\t\r\n"), with("Cookie: a=b; c=\"d\"; ;=\r\nX A: b\r\n"), "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nTRACE / HTTP/1.1\r\nHost: a.\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), MaxBodyBytes: 1 << 10, TrustedProxies: []string{"127.0.0.1"}})
	touch := func(c *geist.Ctx) error {
		for _, s := range []string{c.Param("a"), c.Query("a"), c.Header("X-A"), c.Cookie("a"), c.Host(), c.Path(), c.ClientIP(), c.Scheme(), strings.Join(c.QueryAll("a"), ","), string(c.Body())} {
			c.SetHeader("X-Echo", s)
		}
		return c.JSON(200, geist.Map{c.Path(): c.Query("a")})
	}
	app.GET("/", touch)
	app.GET("/alive", touch)
	app.POST("/echo", touch)
	app.Any("/a/:a/b/", touch)
	app.Any("/w/*a", touch)
	app.Host("{a}.example").GET("/h", touch)
	srv := app.Server()
	f.Fuzz(func(t *testing.T, in []byte) {
		conn := &memory{in: bytes.NewReader(in)}
		_ = srv.ServeConn(conn) // its error is for the log
		r := bufio.NewReader(&conn.out)
		method, _, _ := strings.Cut(strings.TrimLeft(string(in), "\r\n"), " ")
		for first := true; ; first = false {
			if _, err := r.Peek(1); err != nil {
				return
			}
			if !first || strings.Contains(string(in), "HEAD ") {
				method = "" // unknown: an answer to HEAD cannot be told apart
			}
			resp, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				t.Fatalf("the answer cannot be read: %v", err)
			}
			if resp.StatusCode >= 500 && resp.StatusCode != 501 && resp.StatusCode != 505 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			if host := browserHost(resp.Header.Get("Location")); host != "a" {
				t.Fatalf("Location %q leads to %s", resp.Header.Get("Location"), host)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil && method != "" {
				t.Fatalf("the answer's body cannot be read: %v", err)
			}
			if method == "" {
				return
			}
		}
	})
}

// memory is a connection whose client has sent all and closed its side.
type memory struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error)       { return m.in.Read(p) }
func (m *memory) Write(p []byte) (int, error)      { return m.out.Write(p) }
func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (m *memory) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }
