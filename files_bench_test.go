//go:build !race && !geistdebug

package geist_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// benchmarkServer serves h on loopback for one keep-alive client, as raw fasthttp and geist do.
func benchmarkServer(b *testing.B, serve func(net.Listener) error, request string, size int64) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(ln) }()
	defer func() { ln.Close(); <-done }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 64<<10)
	var resp fasthttp.ResponseHeader
	b.ReportAllocs()
	b.SetBytes(size)
	for b.Loop() {
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		if err := resp.Read(br); err != nil {
			b.Fatal(err)
		}
		if n := resp.ContentLength(); resp.StatusCode() != 200 || int64(n) != size {
			b.Fatalf("status %d, %d bytes", resp.StatusCode(), n)
		}
		if _, err := br.Discard(int(size)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStatic compares with fasthttp's own file handler, ranges on, over loopback.
func BenchmarkStatic(b *testing.B) {
	dir := b.TempDir()
	for _, size := range []int{1 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20} {
		name := fmt.Sprintf("%d.html", size)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			b.Fatal(err)
		}
		request := "GET /" + name + " HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
		b.Run(fmt.Sprintf("size=%d/impl=fasthttp", size), func(b *testing.B) {
			stop := make(chan struct{})
			defer close(stop)
			files := &fasthttp.FS{Root: dir, AcceptByteRange: true, CleanStop: stop}
			srv := &fasthttp.Server{Handler: files.NewRequestHandler(), NoDefaultServerHeader: true}
			benchmarkServer(b, srv.Serve, request, int64(size))
		})
		b.Run(fmt.Sprintf("size=%d/impl=geist", size), func(b *testing.B) {
			app := geist.New(geist.Config{Logger: discard()})
			app.Static("/", dir)
			benchmarkServer(b, app.Serve, request, int64(size))
		})
	}
}

// BenchmarkStatic_cycle is the server's part alone, without a kernel between: files
// that geist keeps in memory, and fasthttp reads.
func BenchmarkStatic_cycle(b *testing.B) {
	dir := b.TempDir()
	for _, size := range []int{1 << 10, 32 << 10} {
		name := fmt.Sprintf("%d.html", size)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			b.Fatal(err)
		}
		for _, fields := range []string{"", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"} {
			request := "GET /" + name + " HTTP/1.1\r\nHost: localhost:8080\r\n" + fields + "\r\n"
			run := func(impl string, srv *fasthttp.Server) {
				b.Run(fmt.Sprintf("size=%d/conditional=%v/impl=%s", size, fields != "", impl), func(b *testing.B) {
					b.ReportAllocs()
					if err := srv.ServeConn(&loopConn{request: request, left: b.N}); err != nil {
						b.Fatal(err)
					}
				})
			}
			stop := make(chan struct{})
			files := &fasthttp.FS{Root: dir, AcceptByteRange: true, CleanStop: stop}
			run("fasthttp", &fasthttp.Server{Handler: files.NewRequestHandler(), NoDefaultServerHeader: true, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
			close(stop)
			app := geist.New(geist.Config{Logger: discard()})
			app.Static("/", dir)
			run("geist", app.Server())
		}
	}
}
