package generator

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

var hello = []Exchange{{Name: "hello", Request: []byte("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"), Status: 200, Body: []byte("hello")}}

// listen serves connections by f, each in a goroutine, until the test ends.
func listen(t *testing.T, f func(conn net.Conn, r *bufio.Reader)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				f(conn, bufio.NewReaderSize(conn, 64<<10))
			})
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// take reads a request, or reports that there is none.
func take(r *bufio.Reader) (req *http.Request, ok bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return req, err == nil
}

func dial(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestClient_closed: every request is answered and counted, whatever the connections.
func TestClient_closed(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"one connection", Config{Conns: 1}},
		{"several", Config{Conns: 5}},
		{"several workers", Config{Conns: 5, Workers: 3}},
		{"churn", Config{Conns: 3, PerConn: 2}},
		{"churn, one request each", Config{Conns: 3, PerConn: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked, conns atomic.Int64
			tt.cfg.Exchanges = hello
			tt.cfg.Addr = listen(t, func(conn net.Conn, r *bufio.Reader) {
				conns.Add(1)
				for n := 1; ; n++ {
					req, ok := take(r)
					if !ok {
						return
					}
					if last := n == tt.cfg.PerConn; req.Close != last {
						t.Errorf("request %d of a connection says close: %v", n, req.Close)
					}
					asked.Add(1)
					if _, err := io.WriteString(conn, okAnswer); err != nil || req.Close {
						return
					}
				}
			})
			c := dial(t, tt.cfg)
			for range 2 { // the connections last from one to the next
				before := asked.Load()
				res, err := c.Closed(20 * time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				if n := int(asked.Load() - before); res.Requests != n || res.Requests < tt.cfg.Conns || int(res.Latency.N()) != n || res.Wall <= 0 {
					t.Errorf("%+v, %d latencies; %d requests came", res, res.Latency.N(), n)
				}
				if churns := res.Conns > 0; churns != (tt.cfg.PerConn > 0) {
					t.Errorf("%d connections were made", res.Conns)
				}
			}
			if n := int(conns.Load()); tt.cfg.PerConn == 0 && n != tt.cfg.Conns {
				t.Errorf("%d connections, want %d", n, tt.cfg.Conns)
			}
		})
	}
}

// TestClient_pipelined: so many requests are on their way at once, in turn.
func TestClient_pipelined(t *testing.T) {
	const depth = 4
	exchanges := make([]Exchange, 3)
	for i := range exchanges {
		body := strings.Repeat(fmt.Sprint(i), i+1)
		exchanges[i] = Exchange{Name: body, Request: fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", body), Status: 200, Body: []byte(body)}
	}
	addr := listen(t, func(conn net.Conn, r *bufio.Reader) {
		for {
			var out []byte
			for range depth { // none is answered before all are here
				req, ok := take(r)
				if !ok {
					return
				}
				body := req.URL.Path[1:]
				out = fmt.Appendf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
	})
	res, err := dial(t, Config{Addr: addr, Exchanges: exchanges, Conns: 2, Depth: depth}).Closed(10 * time.Millisecond)
	if err != nil || res.Requests == 0 || res.Requests%depth != 0 {
		t.Errorf("%d requests, %v", res.Requests, err)
	}
}

// TestClient_largeBodies: bodies that no buffer of a socket holds go both ways.
func TestClient_largeBodies(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
	addr := listen(t, func(conn net.Conn, r *bufio.Reader) {
		for {
			if _, ok := take(r); !ok {
				return
			}
			for _, part := range []string{head[:20], head[20:], body} {
				if _, err := io.WriteString(conn, part); err != nil {
					return
				}
			}
		}
	})
	e := Exchange{Name: "large", Request: fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body), Status: 200, Body: []byte(body)}
	res, err := dial(t, Config{Addr: addr, Exchanges: []Exchange{e}, Conns: 2}).Closed(10 * time.Millisecond)
	if err != nil || res.Requests < 2 {
		t.Errorf("%d requests, %v", res.Requests, err)
	}
}

// TestClient_earlyAnswer: who answers what it has not read has not done the work.
func TestClient_earlyAnswer(t *testing.T) {
	const size = 32 << 20 // more than sockets hold
	gone := make(chan struct{})
	defer close(gone)
	addr := listen(t, func(conn net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(conn, okAnswer)
			<-gone
		}
	})
	e := hello[0]
	e.Request = append(fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size), make([]byte, size)...)
	c := dial(t, Config{Addr: addr, Exchanges: []Exchange{e}})
	if _, err := c.Closed(time.Millisecond); err == nil || !strings.Contains(err.Error(), "before the end of the request") {
		t.Errorf("got %v", err)
	}
}

// TestClient_failures: whatever a server does wrong is an error, and soon.
func TestClient_failures(t *testing.T) {
	answering := func(answers ...string) func(net.Conn, *bufio.Reader) {
		return func(conn net.Conn, r *bufio.Reader) {
			for _, a := range answers {
				if _, ok := take(r); !ok {
					return
				}
				if _, err := io.WriteString(conn, a); err != nil {
					return
				}
			}
			if len(answers) == 0 {
				_, _ = io.Copy(io.Discard, r) // until the client goes
			}
		}
	}
	for _, tt := range []struct {
		name  string
		serve func(net.Conn, *bufio.Reader)
		cfg   Config
		want  string
	}{
		{"wrong", answering(okAnswer, strings.Replace(okAnswer, "hello", "hullo", 1)), Config{}, `want "hello"`},
		{"ends", answering(okAnswer, okAnswer), Config{}, "the server closed the connection"},
		{"too much", answering(okAnswer + " "), Config{}, `" " came unasked`},
		{"silent", answering(), Config{Patience: 400 * time.Millisecond}, "no answer for 400ms; 2 requests wait"},
		{"keeps", func(conn net.Conn, r *bufio.Reader) {
			for {
				if _, ok := take(r); !ok {
					return
				}
				_, _ = io.WriteString(conn, okAnswer)
			}
		}, Config{PerConn: 1, Patience: 400 * time.Millisecond}, `still open 400ms after the answer to "Connection: close"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, open := range []bool{false, true} {
				if open && tt.cfg.PerConn > 0 {
					continue
				}
				tt.cfg.Addr, tt.cfg.Exchanges, tt.cfg.Conns = listen(t, tt.serve), hello, 2
				c := dial(t, tt.cfg)
				loop := c.Closed
				if open {
					loop = func(d time.Duration) (Result, error) { return c.Open(1000, d) }
				}
				if _, err := loop(time.Second); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("open %v: got %v, want %q", open, err, tt.want)
				}
			}
		})
	}
}

// stalling answers at once, but for one span in which it answers nobody: it begins when the
// request of a number comes.
func stalling(t *testing.T, number int64, span time.Duration) (addr string) {
	var mu sync.RWMutex
	var asked atomic.Int64
	return listen(t, func(conn net.Conn, r *bufio.Reader) {
		for {
			if _, ok := take(r); !ok {
				return
			}
			if asked.Add(1) == number {
				mu.Lock()
				time.Sleep(span)
				mu.Unlock()
			}
			mu.RLock()
			_, err := io.WriteString(conn, okAnswer)
			mu.RUnlock()
			if err != nil {
				return
			}
		}
	})
}

// TestClient_coordinatedOmission: a server that stalls for 100 ms makes everybody late who
// was due then. An open loop counts them; a closed one has asked nothing.
func TestClient_coordinatedOmission(t *testing.T) {
	const span, conns, rate = 100 * time.Millisecond, 4, 1000
	open, err := dial(t, Config{Addr: stalling(t, 100, span), Exchanges: hello, Conns: conns}).Open(rate, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if open.Requests != rate || open.Latency.N() != rate {
		t.Errorf("%d requests and %d latencies, want %d of both", open.Requests, open.Latency.N(), rate)
	}
	// 100 were due while it stalled, evenly: 50 of them waited for half of it or more.
	if p999, p96 := open.Latency.Quantile(0.999), open.Latency.Quantile(0.96); p999 < span*9/10 || p96 < span/2 {
		t.Errorf("open: p99.9 is %v and p96 %v, want %v and %v at least", p999, p96, span*9/10, span/2)
	}
	closed, err := dial(t, Config{Addr: stalling(t, 100, span), Exchanges: hello, Conns: conns}).Closed(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if most := closed.Latency.Max(); most < span {
		t.Errorf("closed: the longest is %v, want %v at least", most, span)
	}
}

// TestClient_openSchedule: requests come when they are due, not before, and as many as the
// rate says, also from several workers.
func TestClient_openSchedule(t *testing.T) {
	var mu sync.Mutex
	var came []time.Time
	addr := listen(t, func(conn net.Conn, r *bufio.Reader) {
		for {
			if _, ok := take(r); !ok {
				return
			}
			mu.Lock()
			came = append(came, time.Now())
			mu.Unlock()
			if _, err := io.WriteString(conn, okAnswer); err != nil {
				return
			}
		}
	})
	for _, workers := range []int{1, 3} {
		mu.Lock()
		came = nil
		mu.Unlock()
		c := dial(t, Config{Addr: addr, Exchanges: hello, Conns: 9, Workers: workers})
		start := time.Now()
		res, err := c.Open(300, 100*time.Millisecond)
		mu.Lock()
		came := came
		mu.Unlock()
		if err != nil || res.Requests != 30 || len(came) != 30 {
			t.Fatalf("%d workers: %d requests, %d came, %v", workers, res.Requests, len(came), err)
		}
		for i, at := range came {
			// Those of one worker before it may have come all.
			if due := time.Duration(i/workers*workers) * time.Second / 300; workers == 1 && at.Sub(start) < due {
				t.Errorf("request %d came after %v, and was due after %v", i, at.Sub(start), due)
			}
		}
		if last := came[29].Sub(start); last < 29*time.Second/300-10*time.Millisecond {
			t.Errorf("%d workers: the last came after %v", workers, last)
		}
	}
}

func TestClient_tls(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body := "hello"
		if asked.Add(1) == 50 {
			body = "hullo"
		}
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	conf := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	conf.NextProtos = []string{"http/1.1"}
	cfg := Config{Addr: srv.Listener.Addr().String(), Exchanges: hello, Conns: 3, TLS: conf}
	c := dial(t, cfg)
	if res, err := c.Closed(0); err != nil || res.Requests != 0 {
		t.Errorf("for no time: %d requests, %v", res.Requests, err)
	}
	if _, err := c.Open(1, time.Second); err == nil {
		t.Error("open: no error")
	}
	if res, err := c.Closed(time.Minute); err == nil || !strings.Contains(err.Error(), `want "hello"`) || res.Requests == 0 {
		t.Errorf("got %v after %d requests", err, res.Requests)
	}
	cfg.TLS = &tls.Config{}
	if _, err := Dial(cfg); err == nil {
		t.Error("a certificate of nobody: no error")
	}
}

func TestDial_refuses(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	for _, tt := range []struct {
		name, want string
		cfg        Config
	}{
		{"nobody", "connection refused", Config{Addr: addr, Exchanges: hello}},
		{"no address", "want IPv4", Config{Addr: "localhost", Exchanges: hello}},
		{"nothing", "nothing to send", Config{Addr: addr}},
		{"depth", "multiple of the depth", Config{Addr: addr, Exchanges: hello, Depth: 4, PerConn: 10}},
	} {
		if _, err := Dial(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestClient_openRefuses(t *testing.T) {
	addr := listen(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
	for _, cfg := range []Config{{Depth: 2}, {PerConn: 2}, {}} {
		cfg.Addr, cfg.Exchanges = addr, hello
		if _, err := dial(t, cfg).Open(0, time.Second); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
}
