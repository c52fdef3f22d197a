package geisttest_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

func TestResponse_earlyHints(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		io.WriteString(c.Raw().Conn(), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
		return c.Text(200, "ok")
	})
	resp := geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("ok")
	if hints := resp.EarlyHints(); len(hints) != 1 || hints[0].Get("Link") != "</a.css>" {
		t.Errorf("EarlyHints = %v", hints)
	}
}

func TestResponse_failuresNameTheRequestAndTheBody(t *testing.T) {
	app := geist.New()
	app.GET("/a", func(c *geist.Ctx) error {
		c.SetHeader("X-A", "1")
		return c.Text(404, "the body")
	})
	app.GET("/big", func(c *geist.Ctx) error { return c.Text(200, strings.Repeat("x", 10000)) })
	app.GET("/bin", func(c *geist.Ctx) error { return c.Bytes(200, "a/b", []byte{0xff, 0}) })
	c := geisttest.New(t, app)
	for _, test := range []struct {
		name   string
		assert func(r *geisttest.Response)
		parts  []string
	}{
		{"Status", func(r *geisttest.Response) { r.Status(200).JSON(nil) }, []string{"status = 404, want 200"}},
		{"HasHeader", func(r *geisttest.Response) { r.HasHeader("X-A", "2") }, []string{`header X-A = ["1"], want "2"`}},
		{"NoHeader", func(r *geisttest.Response) { r.NoHeader("x-a") }, []string{`header x-a = ["1"], want none`}},
		{"BodyIs", func(r *geisttest.Response) { r.BodyIs("other") }, []string{`body is not "other"`}},
		{"BodyContains", func(r *geisttest.Response) { r.BodyContains("other") }, []string{`does not contain "other"`}},
		{"JSON", func(r *geisttest.Response) { var v int; r.JSON(&v).Status(1) }, []string{"decode the body into *int"}},
		{"Problem", func(r *geisttest.Response) { r.Problem() }, []string{"Content-Type", "application/problem+json"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := record(t, func(tb testing.TB) { test.assert(c.With(tb).GET("/a").Do()) })
			wantMessage(t, got, append(test.parts, "GET /a", "404", "the body")...)
		})
	}
	got := record(t, func(tb testing.TB) { c.With(tb).GET("/big").Do().Status(1) })
	if wantMessage(t, got, "… of 10000 bytes"); len(got[0]) > 5000 {
		t.Errorf("the message has %d bytes", len(got[0]))
	}
	wantMessage(t, record(t, func(tb testing.TB) { c.With(tb).GET("/bin").Do().Status(1) }), `"\xff\x00"`)
}

func TestResponse_accessors(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		c.AddHeader("X", "1")
		c.AddHeader("X", "2")
		return c.JSON(200, geist.Map{"a": 7})
	})
	app.GET("/err", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
	c := geisttest.New(t, app)
	var v struct{ A int }
	resp := c.GET("/").Do().Status(200).HasHeader("X", "2").JSON(&v)
	if v.A != 7 || resp.StatusCode != 200 || resp.Header("x") != "1" || string(resp.Bytes()) != `{"a":7}` {
		t.Errorf("v = %+v, X = %q, body %s", v, resp.Header("x"), resp.Bytes())
	}
	if head := string(resp.Head()); !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(head, "\r\nX: 1\r\nX: 2\r\n\r\n") {
		t.Errorf("Head = %q", head)
	}
	for range 2 {
		raw := resp.Raw()
		if b, err := io.ReadAll(raw.Body); string(b) != `{"a":7}` || err != nil || raw.ProtoMinor != 1 {
			t.Errorf("Raw: %q, %v, %s", b, err, raw.Proto)
		}
	}
	if p := c.GET("/err").Do().Status(409).Problem(); p.Detail != "taken" || p.Title != "Conflict" || p.Status != 409 {
		t.Errorf("Problem = %+v", p)
	}
}
