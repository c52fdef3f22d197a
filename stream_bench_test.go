package geist

import (
	"bufio"
	"net"
	"net/http"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkStream sends ten flushed lines, by our stream and by fasthttp's writer.
func BenchmarkStream(b *testing.B) {
	line := []byte(`{"id":1,"name":"a line of a stream"}` + "\n")
	run := func(b *testing.B, s *fasthttp.Server) {
		b.ReportAllocs()
		if err := s.ServeConn(&memConn{in: []byte("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"), n: b.N}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("geist", func(b *testing.B) {
		app := New()
		app.GET("/plain", func(c *Ctx) error {
			return c.Stream("application/x-ndjson", func(w *StreamWriter) error {
				for range 10 {
					if _, err := w.Write(line); err != nil {
						return err
					}
					if err := w.Flush(); err != nil {
						return err
					}
				}
				return nil
			})
		})
		run(b, app.Server())
	})
	b.Run("bodyStreamWriter", func(b *testing.B) {
		run(b, &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(rc *fasthttp.RequestCtx) {
			rc.Response.SetBodyStreamWriter(func(w *bufio.Writer) {
				for range 10 {
					if _, err := w.Write(line); err != nil {
						return
					}
					if err := w.Flush(); err != nil {
						return
					}
				}
			})
		}})
	})
}

// BenchmarkFromHTTP_context is what the laziness of a request's context saves.
func BenchmarkFromHTTP_context(b *testing.B) {
	for name, h := range map[string]http.HandlerFunc{
		"unasked": func(http.ResponseWriter, *http.Request) {},
		"asked":   func(_ http.ResponseWriter, r *http.Request) { _ = r.Context().Err() },
	} {
		b.Run(name, func(b *testing.B) {
			conn, _ := tcpPair(b)
			app := New()
			app.GET("/plain", FromHTTP(h))
			srv := app.Server()
			b.ReportAllocs()
			if err := srv.ServeConn(&watchedConn{memConn{in: []byte(bridgeRequest), n: b.N}, conn}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// watchedConn is a memConn whose peer's leaving is watched at a socket.
type watchedConn struct {
	memConn
	socket net.Conn
}

// NetConn is where internal/peerwatch looks.
func (c *watchedConn) NetConn() net.Conn { return c.socket }

func tcpPair(b testing.TB) (server, client net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}
