package geist_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// detached is middleware that goes on without handlers after a second, and counts them.
type detached struct{ asked, ended atomic.Int32 }

func (d *detached) handle(c *geist.Ctx) error {
	return c.NextDetached(time.Second, func() bool { d.asked.Add(1); return true }, func() { d.ended.Add(1) })
}

// inDetached runs a test of handlers that NextDetached runs. More is tried in package
// middleware/timeout.
func inDetached(t *testing.T, cfg geist.Config, routes func(app *geist.Engine), test func(client *geisttest.Client, d *detached)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &detached{}
		app := quiet(cfg)
		app.Use(d.handle)
		routes(app)
		test(geisttest.New(t, app, geisttest.Config{Timeout: time.Hour}), d)
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked, ended := d.asked.Load(), d.ended.Load(); asked != ended {
			t.Errorf("%d handlers were left behind, %d have ended", asked, ended)
		}
	})
}

// TestCtx_NextDetached_request: long after its time a handler sees its own request, whatever it
// is made of.
func TestCtx_NextDetached_request(t *testing.T) {
	params := strings.Repeat("/:p", 20)
	for i := range 20 {
		params = strings.Replace(params, ":p/", fmt.Sprintf(":p%d/", i), 1)
	}
	check := func(want func(c *geist.Ctx) string) geist.Handler {
		return func(c *geist.Ctx) error {
			before := want(c)
			time.Sleep(time.Minute)
			if after := want(c); after != before {
				t.Errorf("%s: %q has become %q", c.Pattern(), before, after)
			}
			return c.Text(200, "late")
		}
	}
	for _, cfg := range []geist.Config{{}, {CaseInsensitive: true}, {UnsafeStrings: true}, {TrailingSlash: geist.SlashIgnore}} {
		inDetached(t, cfg, func(app *geist.Engine) {
			app.GET("/x/:a/*rest", check(func(c *geist.Ctx) string {
				return strings.Join([]string{c.Method(), c.Path(), c.Param("a"), c.Param("rest"), c.Query("q"), c.Header("X-A"), c.Cookie("b"), c.Host(), c.ClientIP()}, " ")
			}))
			app.GET("/many"+params, check(func(c *geist.Ctx) string { return c.Param("p0") + c.Param("p18") + c.Param("p") }))
			app.Host("{tenant}.example.com").GET("/t", check(func(c *geist.Ctx) string { return c.Param("tenant") + c.Host() }))
			app.POST("/form", check(func(c *geist.Ctx) string { return c.Form("a") + string(c.Body()) }))
		}, func(client *geisttest.Client, _ *detached) {
			other := func() { // which comes over the same connection
				client.POST("/form").Header("X-A", "zzzzzz").Cookie("b", "zzzz").BodyString("zzzzzzzzzzz").Do()
			}
			client.GET("/x/a%2Fb/Some/%41?q=1%2B1").Header("X-A", "one").Cookie("b", "two").RemoteAddr("198.51.100.9").Do().Status(503)
			other()
			client.GET("/many" + strings.Repeat("/value", 20)).Do().Status(503)
			other()
			client.GET("/t").Host("ada.example.com").Do().Status(503)
			other()
			client.POST("/form").Header("Content-Type", "application/x-www-form-urlencoded").BodyString("a=1&b=2").Do().Status(503)
			other()
		})
	}
}

// TestCtx_NextDetached_waits: if it must not leave a handler behind, it waits.
func TestCtx_NextDetached_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		app := quiet(geist.Config{})
		app.Use(func(c *geist.Ctx) error {
			return c.NextDetached(time.Second, func() bool { asked++; return false }, func() { t.Error("ended was called") })
		})
		app.GET("/", func(c *geist.Ctx) error {
			time.Sleep(time.Minute)
			return c.Text(200, "late")
		})
		geisttest.New(t, app, geisttest.Config{Timeout: time.Hour}).GET("/").Do().Status(200).BodyIs("late")
		if asked != 1 {
			t.Errorf("abandon was asked %d times, want once", asked)
		}
	})
}

// TestCtx_NextDetached_once: what has run, or was refused, does not run again by Next.
func TestCtx_NextDetached_once(t *testing.T) {
	ran := 0
	app := quiet(geist.Config{MaxBodyBytes: 100})
	app.Use(func(c *geist.Ctx) error {
		err := c.NextDetached(time.Minute, func() bool { return true }, func() {})
		return errors.Join(err, c.Next())
	})
	app.POST("/", func(c *geist.Ctx) error {
		ran++
		return c.NoContent()
	})
	client := geisttest.New(t, app)
	client.POST("/").Do().Status(204)
	client.POST("/").BodyString(strings.Repeat("b", 101)).Do().Status(413)
	if ran != 1 {
		t.Errorf("the handler ran %d times, want once", ran)
	}
}

// TestCtx_NextDetached_connection: handlers cannot reach the connection.
func TestCtx_NextDetached_connection(t *testing.T) {
	inDetached(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/hijack", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Hijack = %v, want ErrNotSupported", err)
			}
		})))
		app.GET("/raw", func(c *geist.Ctx) error {
			conn := c.Raw().Conn()
			_, readErr := conn.Read(make([]byte, 1))
			_, writeErr := conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			if readErr == nil || writeErr == nil || conn.Close() == nil || conn.SetDeadline(time.Now()) == nil {
				t.Error("the connection can be used")
			}
			return errors.Join(c.EarlyHints("</a.css>; rel=preload"), c.Text(200, conn.RemoteAddr().String()))
		})
		app.GET("/value", func(c *geist.Ctx) error {
			v, _ := c.Raw().UserValue("name").(string)
			return c.Text(200, v)
		})
		app.UsePriority(-1, func(c *geist.Ctx) error {
			c.Raw().SetUserValue("name", "outer")
			return c.Next()
		})
	}, func(client *geisttest.Client, _ *detached) {
		client.GET("/hijack").Do().Status(200)
		resp := client.GET("/raw").RemoteAddr("198.51.100.9:77").Do().Status(200).BodyIs("198.51.100.9:77")
		if hints := resp.EarlyHints(); len(hints) > 0 {
			t.Errorf("early hints = %v", hints)
		}
		client.GET("/value").Do().Status(200).BodyIs("outer")
	})
}

// TestCtx_NextDetached_body: a body is read before the handlers run, within its limit, but for routes that
// stream it, whose handlers are waited for.
func TestCtx_NextDetached_body(t *testing.T) {
	inDetached(t, geist.Config{MaxBodyBytes: 50_000, DecompressBodies: true}, func(app *geist.Engine) {
		read := func(c *geist.Ctx) error {
			time.Sleep(2 * time.Second)
			n, err := io.Copy(io.Discard, c.BodyReader())
			return errors.Join(err, c.JSON(200, n))
		}
		app.POST("/streamed", read).Doc(geist.StreamBody())
		app.POST("/kept", func(c *geist.Ctx) error { return c.JSON(200, len(c.Body())) })
	}, func(client *geisttest.Client, d *detached) {
		body := strings.Repeat("b", 20_000)
		client.POST("/streamed").BodyString(body).Do().Status(200).BodyIs("20000")
		client.POST("/kept").BodyString(body).Do().Status(200).BodyIs("20000")
		client.POST("/kept").BodyReader(struct{ io.Reader }{strings.NewReader(body)}).Do().Status(200).BodyIs("20000")
		var packed bytes.Buffer
		zw := gzip.NewWriter(&packed)
		if _, err := io.WriteString(zw, body); err != nil || zw.Close() != nil {
			t.Fatal(err)
		}
		client.POST("/kept").Header("Content-Encoding", "gzip").Body(packed.Bytes()).Do().Status(200).BodyIs("20000")
		client.POST("/kept").Header("Expect", "100-continue").BodyString("asked").Do().Status(200).BodyIs("5")
		client.POST("/kept").BodyString(strings.Repeat("b", 60_000)).Do().Status(413)
		if n := d.asked.Load(); n != 0 {
			t.Errorf("%d handlers were left behind, want none", n)
		}
	})
}

// TestCtx_NextDetached_goexit: a handler that ends its goroutine is a server error.
func TestCtx_NextDetached_goexit(t *testing.T) {
	inDetached(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/now", func(*geist.Ctx) error { runtime.Goexit(); return nil })
		app.GET("/late", func(*geist.Ctx) error { time.Sleep(time.Minute); runtime.Goexit(); return nil })
	}, func(client *geisttest.Client, _ *detached) {
		client.GET("/now").Do().Status(500)
		client.GET("/late").Do().Status(503)
	})
}

// TestCtx_NextDetached_clientIP: what SetClientIP was given holds on both sides.
func TestCtx_NextDetached_clientIP(t *testing.T) {
	for name, set := range map[string]struct{ outside, inside bool }{"outside": {outside: true}, "inside": {inside: true}} {
		t.Run(name, func(t *testing.T) {
			const want = "192.0.2.1"
			locate := func(does bool) geist.Handler {
				return func(c *geist.Ctx) error {
					if does {
						c.SetClientIP(netip.MustParseAddr(want))
					}
					return c.Next()
				}
			}
			app := quiet(geist.Config{})
			app.Use(locate(set.outside), func(c *geist.Ctx) error {
				err := c.Next()
				c.SetHeader("X-After", c.ClientIP())
				return err
			}, new(detached).handle, locate(set.inside))
			app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.ClientIP()) })
			geisttest.New(t, app).GET("/").RemoteAddr("198.51.100.7:999").Do().BodyIs(want).HasHeader("X-After", want)
		})
	}
}

// ofCtx is a local that belongs to a Ctx.
type ofCtx struct{ c *geist.Ctx }

func (ofCtx) Apart(c *geist.Ctx) ofCtx { return ofCtx{c} }

var ofCtxKey = geist.NewKey[ofCtx]("of a Ctx")

// TestCtx_NextDetached_locals: a local with a method Apart is not shared with the handlers.
func TestCtx_NextDetached_locals(t *testing.T) {
	app := quiet(geist.Config{})
	app.Use(func(c *geist.Ctx) error {
		ofCtxKey.Set(c, ofCtx{c})
		return c.Next()
	}, new(detached).handle)
	app.GET("/", func(c *geist.Ctx) error {
		if ofCtxKey.Must(c).c != c {
			t.Error("the handler has the local of the middleware outside")
		}
		return c.NoContent()
	})
	geisttest.New(t, app).GET("/").Do().Status(204)
}

// counter is a local that others must not write to.
type counter struct{ n *int }

func (k counter) Apart(*geist.Ctx) counter {
	n := *k.n
	return counter{&n}
}

// TestCtx_NextDetached_localsCopied: handlers that run apart have values of their own, which take the place
// of the others if they return in time.
func TestCtx_NextDetached_localsCopied(t *testing.T) {
	key := geist.NewKey[counter]("counter")
	for _, tt := range []struct {
		path string
		want int
	}{{"/in-time", 2}, {"/late", 1}} {
		synctest.Test(t, func(t *testing.T) {
			app, d := quiet(geist.Config{}), &detached{}
			app.Use(func(c *geist.Ctx) error {
				mine := 1
				key.Set(c, counter{&mine})
				err := d.handle(c)
				if got := *key.Must(c).n; got != tt.want || mine != 1 {
					t.Errorf("%s: the local is %d and what was set %d, want %d and 1", tt.path, got, mine, tt.want)
				}
				return err
			})
			app.GET("/:when", func(c *geist.Ctx) error {
				*key.Must(c).n++
				if c.Param("when") == "late" {
					time.Sleep(time.Minute)
				}
				return c.NoContent()
			})
			geisttest.New(t, app).GET(tt.path).Do()
			time.Sleep(time.Hour)
		})
	}
}
