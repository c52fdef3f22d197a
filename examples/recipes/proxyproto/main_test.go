package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

const get = "GET /ip HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"

// start serves behind balancers on loopback addresses and returns the address.
func start(t *testing.T, balancers ...string) string {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := behind(tcp, balancers...)
	if err != nil {
		t.Fatal(err)
	}
	app := newApp()
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(app.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return tcp.Addr().String()
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// v2 returns a header of version 2.
func v2(t *testing.T) string {
	t.Helper()
	h := &proxyproto.Header{
		Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.TCPv6,
		SourceAddr:      &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 4711},
		DestinationAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443},
	}
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestProxyProtocol_tellsTheClient(t *testing.T) {
	addr := start(t, "127.0.0.0/8")
	silent := connect(t, addr) // must not hold up the others
	for _, tt := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", "\r\n\r\n192.0.2.7"},
		{"version 2", v2(t), "\r\n\r\n2001:db8::7"},
		{"a health check of the balancer", "PROXY UNKNOWN\r\n", "\r\n\r\n127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, addr)
			_, _ = io.WriteString(c, tt.header+get)
			b, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200") || !strings.HasSuffix(string(b), tt.want) {
				t.Errorf("answer = %q, %v, want %q at its end", b, err, tt.want)
			}
		})
	}
	t.Run("no header", func(t *testing.T) {
		c := connect(t, addr)
		_, _ = io.WriteString(c, get)
		if b, _ := io.ReadAll(c); strings.Contains(string(b), " 200 ") {
			t.Errorf("answer = %q, want none", b)
		}
	})
	_ = silent.Close()
}

func TestProxyProtocol_believesNobodyElse(t *testing.T) {
	c := connect(t, start(t, "192.0.2.0/24"))
	_, _ = io.WriteString(c, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"+get)
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("answer = %q, %v, want a closed connection", b, err)
	}
}
