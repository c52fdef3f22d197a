package geist_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// csvRows writes [][]string as CSV and reads nothing.
type csvRows struct{}

func (csvRows) Encode(w io.Writer, v any) error {
	rows, ok := v.([][]string)
	if !ok {
		return errors.ErrUnsupported
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func (csvRows) Decode([]byte, any) error { return fmt.Errorf("CSV: %w", errors.ErrUnsupported) }

type city struct {
	XMLName xml.Name `json:"-" xml:"city"`
	Name    string   `json:"name" xml:"name,attr"`
}

type script struct{}

func (*script) String() string { return `<script>alert("1")</script>` }

type both struct{}

func (both) String() string               { return "string" }
func (both) MarshalText() ([]byte, error) { return []byte("text"), nil }

type brokenText struct{}

func (brokenText) MarshalText() ([]byte, error) { return nil, errors.New("broken") }

const declaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// negotiated answers one request that has the fields of Accept by Negotiate.
func negotiated(t *testing.T, v any, cfg geist.Config, accept ...string) *geisttest.Response {
	t.Helper()
	cfg.Logger = discard()
	app := geist.New(cfg)
	app.GET("/", func(c *geist.Ctx) error { return c.Negotiate(201, v) })
	req := geisttest.New(t, app).GET("/")
	for _, a := range accept {
		req.Header("Accept", a)
	}
	return req.Do()
}

func TestNegotiate(t *testing.T) {
	const (
		asJSON = "application/json"
		asXML  = "application/xml; charset=utf-8"
		asText = "text/plain; charset=utf-8"
		asHTML = "text/html; charset=utf-8"
		chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
		java   = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
	)
	place := &city{Name: "Ulm"}
	rows := [][]string{{"a", "b,c"}}
	for _, tt := range []struct {
		name   string
		v      any
		accept string
		want   string // the Content-Type
		body   string
	}{
		{"no Accept", place, "", asJSON, `{"name":"Ulm"}`},
		{"anything", place, "*/*", asJSON, `{"name":"Ulm"}`},
		{"only malformed", place, "json", asJSON, `{"name":"Ulm"}`},
		{"XML", place, "application/xml", asXML, declaration + `<city name="Ulm"></city>`},
		{"the other XML", place, "text/xml", "text/xml; charset=utf-8", declaration + `<city name="Ulm"></city>`},
		{"case", place, "Application/XML", asXML, declaration + `<city name="Ulm"></city>`},
		{"tie", place, "application/xml, application/json", asJSON, `{"name":"Ulm"}`},
		{"weights", place, "application/json;q=0.4, application/xml;q=0.5", asXML, declaration + `<city name="Ulm"></city>`},
		{"the weight of the most specific", place, "application/*;q=0.9, application/json;q=0.1, application/xml;q=0.2", asXML, declaration + `<city name="Ulm"></city>`},
		{"excluded", place, "application/json;q=0, */*;q=0.1", asXML, declaration + `<city name="Ulm"></city>`},
		{"charset", place, `application/json; charset="UTF-8"`, asJSON, `{"name":"Ulm"}`},
		{"charset is more specific", "s", "text/plain;q=0, text/plain;charset=utf-8;q=0.5", asText, "s"},
		{"a malformed member", place, "application/json;q=2, application/xml;q=0.1", asXML, declaration + `<city name="Ulm"></city>`},
		{"a comma in quotes", place, `x/y;a=", application/json, ";q=0.9, application/xml;q=0.1`, asXML, declaration + `<city name="Ulm"></city>`},
		{"a browser, a struct", place, chrome, asXML, declaration + `<city name="Ulm"></city>`},
		{"a browser, a map", geist.Map{"a": 1}, chrome, asJSON, `{"a":1}`},
		{"a browser, a slice", []int{1}, chrome, asJSON, `[1]`},
		{"a browser, nil", nil, chrome, asJSON, `null`},
		{"a browser, a nil pointer", (*city)(nil), chrome, asJSON, `null`},
		{"a browser, a nil pointer with a text", (*script)(nil), chrome, asJSON, `null`},
		{"a browser, a text", "1 < 2", chrome, asHTML, "1 &lt; 2"},
		{"Java, a struct", place, java, asJSON, `{"name":"Ulm"}`},
		{"a string is JSON first", "s", "*/*", asJSON, `"s"`},
		{"plain text", "s", "text/*", asText, "s"},
		{"markup in a string", `<img src=x onerror='a()'>`, "text/html", asHTML, "&lt;img src=x onerror=&#39;a()&#39;&gt;"},
		{"markup in a Stringer", &script{}, "text/html", asHTML, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"},
		{"markup in template.HTML", template.HTML("<b>"), "text/html", asHTML, "&lt;b&gt;"},
		{"plain text keeps its markup", "<b>", "text/plain", asText, "<b>"},
		{"MarshalText before String", both{}, "text/plain", asText, "text"},
		{"a time", time.Unix(0, 0).UTC(), "text/plain", asText, "1970-01-01T00:00:00Z"},
		{"a codec", rows, "text/csv", "text/csv", "a,\"b,c\"\n"},
		{"a codec before text/xml", rows, "text/*", "text/csv", "a,\"b,c\"\n"},
		{"a codec that cannot", place, "text/csv, application/json;q=0.1", asJSON, `{"name":"Ulm"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var accept []string
			if tt.accept != "" {
				accept = []string{tt.accept}
			}
			negotiated(t, tt.v, geist.Config{Codecs: map[string]geist.Codec{"text/csv": csvRows{}}}, accept...).
				Status(201).HasHeader("Content-Type", tt.want).HasHeader("Vary", "Accept").BodyIs(tt.body)
		})
	}
}

func TestNegotiate_notAcceptable(t *testing.T) {
	cfg := geist.Config{Codecs: map[string]geist.Codec{"text/csv": csvRows{}}}
	for _, tt := range []struct {
		name      string
		v         any
		accept    string
		available string
	}{
		{"another type", &city{}, "image/png", "application/json application/xml text/csv text/xml"},
		{"a text", "s", "image/png", "application/json application/xml text/plain text/html text/csv text/xml"},
		{"a struct has no text", &city{}, "text/html, text/plain", "application/json application/xml text/csv text/xml"},
		{"all excluded", &city{}, "*/*;q=0", "application/json application/xml text/csv text/xml"},
		{"a parameter that nothing has", &city{}, "application/json;version=1", "application/json application/xml text/csv text/xml"},
		{"another charset", &city{}, "application/json;charset=latin1", "application/json application/xml text/csv text/xml"},
		{"what was tried and has no form", geist.Map{}, "application/xml, text/csv", "application/json text/xml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var problem struct {
				Available []string
			}
			resp := negotiated(t, tt.v, cfg, tt.accept).Status(406).HasHeader("Vary", "Accept").JSON(&problem)
			if resp.Problem().Status != 406 || strings.Join(problem.Available, " ") != tt.available {
				t.Errorf("available = %q, want %s", problem.Available, tt.available)
			}
		})
	}
}

func TestNegotiate_errors(t *testing.T) {
	for name, tt := range map[string]struct {
		v      any
		accept string
	}{
		"JSON that fails": {func() {}, "*/*"},
		"text that fails": {brokenText{}, "text/plain"},
	} {
		resp := negotiated(t, tt.v, geist.Config{}, tt.accept).Status(500)
		if strings.Contains(resp.Text(), "broken") {
			t.Errorf("%s: the answer shows the error: %s", name, resp.Text())
		}
	}
}

func TestNegotiate_severalFields(t *testing.T) {
	negotiated(t, &city{}, geist.Config{}, "image/png", "application/xml").Status(201).HasHeader("Content-Type", "application/xml; charset=utf-8")
	negotiated(t, &city{}, geist.Config{}, `x/y;a="`, "application/xml").Status(201).HasHeader("Content-Type", "application/xml; charset=utf-8")
}

// The text forms are a codec's where one is registered.
func TestNegotiate_codecForHTML(t *testing.T) {
	cfg := geist.Config{Codecs: map[string]geist.Codec{"text/html": csvRows{}}}
	negotiated(t, [][]string{{"a"}}, cfg, "text/html").Status(201).HasHeader("Content-Type", "text/html").BodyIs("a\n")
	negotiated(t, "a", cfg, "text/html").Status(406)
}

func TestNegotiate_vary(t *testing.T) {
	for _, tt := range []struct {
		before []string
		want   string
	}{
		{nil, "Accept"},
		{[]string{"Origin"}, "Origin|Accept"},
		{[]string{"Origin, accept"}, "Origin, accept"},
		{[]string{"Accept-Encoding", "Accept"}, "Accept-Encoding|Accept"},
		{[]string{"*"}, "*"},
	} {
		app := geist.New()
		app.GET("/", func(c *geist.Ctx) error {
			for _, s := range tt.before {
				c.AddHeader("Vary", s)
			}
			return c.Negotiate(200, 1)
		})
		if got := strings.Join(geisttest.New(t, app).GET("/").Do().Raw().Header.Values("Vary"), "|"); got != tt.want {
			t.Errorf("Vary after %q = %s, want %s", tt.before, got, tt.want)
		}
	}
}

// What stands beyond 16 KiB is not read, and the work for what is read stays small.
func TestNegotiate_bounds(t *testing.T) {
	cfg := geist.Config{MaxHeaderBytes: 1 << 20}
	many := strings.Repeat("a/b;q=0.1,", 10_000)
	negotiated(t, &city{}, cfg, "application/xml,"+many).Status(201).HasHeader("Content-Type", "application/xml; charset=utf-8")
	negotiated(t, &city{}, cfg, many+"application/xml").Status(406)
	fits := strings.Repeat(" ", 16<<10-len("application/xml")) + "application/xml"
	negotiated(t, &city{}, cfg, "a/b,"+fits[4:]).Status(201)
	negotiated(t, &city{}, cfg, "a/b,"+fits[4:]+";q=0").Status(406)
	negotiated(t, &city{}, cfg, many, "application/xml").Status(406)
	start := time.Now()
	for _, s := range []string{strings.Repeat(",", 1<<19), strings.Repeat(`"`, 1<<19), strings.Repeat(";", 1<<19), "a/b" + strings.Repeat(";a=b", 1<<17), strings.Repeat("*/*,", 1<<17)} {
		negotiated(t, 1, cfg, s)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("five long fields took %s", took)
	}
}

// More codecs than are ranked without an allocation.
func TestNegotiate_manyCodecs(t *testing.T) {
	cfg := geist.Config{Codecs: map[string]geist.Codec{}}
	for i := range 40 {
		cfg.Codecs[fmt.Sprintf("application/x-%d", i)] = geist.StdJSON()
	}
	negotiated(t, 1, cfg, "application/x-39, application/x-7").Status(201).HasHeader("Content-Type", "application/x-39")
}

func TestCtx_XML(t *testing.T) {
	answerTo(t, func(c *geist.Ctx) error { return c.XML(202, &city{Name: "<&>\x00"}) }).
		Status(202).HasHeader("Content-Type", "application/xml; charset=utf-8").
		BodyIs(declaration + `<city name="&lt;&amp;&gt;` + "\uFFFD" + `"></city>`)
	for _, v := range []any{nil, (*city)(nil), []city{{}}, geist.Map{}, func() {}, [2]int{}, []byte("a")} {
		answerTo(t, func(c *geist.Ctx) error {
			err := c.XML(200, v)
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("XML of %T: got %v, want errors.ErrUnsupported", v, err)
			}
			return err
		}).Status(500)
	}
	type blob []byte
	answerTo(t, func(c *geist.Ctx) error { return c.XML(200, blob("ab")) }).Status(200).BodyIs(declaration + "<blob>ab</blob>")
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{"application/xml": geist.StdJSON()}})
	app.GET("/", func(c *geist.Ctx) error { return c.XML(200, 1) })
	geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("1\n")
}

// A codec that only writes is no way in.
func TestBind_codecThatReadsNothing(t *testing.T) {
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{"text/csv": csvRows{}}})
	app.POST("/", func(c *geist.Ctx) error { return c.Bind(new(city)) })
	geisttest.New(t, app).POST("/").Header("Content-Type", "text/csv").BodyString("a,b").Do().Status(415)
}

func TestCtx_EarlyHints(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/", func(c *geist.Ctx) error {
		if err := c.EarlyHints("</a.css>; rel=preload", "", "</b\r\nX-Evil: 1\x00>"); err != nil {
			return err
		}
		return c.Text(200, "done")
	})
	app.GET("/none", func(c *geist.Ctx) error { return c.EarlyHints() })
	client := geisttest.New(t, app)
	for range 3 { // also behind another answer on the same connection
		resp := client.GET("/").Do().Status(200).BodyIs("done").NoHeader("X-Evil")
		hints := resp.EarlyHints()
		if len(hints) != 1 || len(hints[0]) != 1 {
			t.Fatalf("hints = %v, want one answer with nothing but links", hints)
		}
		want := "</a.css>; rel=preload|</b  X-Evil: 1 >"
		if got := strings.Join(hints[0].Values("Link"), "|"); got != want {
			t.Errorf("Link in 103 = %s, want %s", got, want)
		}
		if got := strings.Join(resp.Raw().Header.Values("Link"), "|"); got != want {
			t.Errorf("Link = %s, want %s", got, want)
		}
	}
	if hints := client.GET("/none").Do().Status(200).EarlyHints(); len(hints) > 0 {
		t.Errorf("hints without links = %v", hints)
	}
}

// exchange sends bytes over a connection and returns all that comes back.
func exchange(t *testing.T, conn net.Conn, parts ...string) string {
	t.Helper()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		for _, p := range parts {
			_, _ = io.WriteString(conn, p)
		}
	}()
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%q: %v", answer, err)
	}
	return string(answer)
}

// TestCtx_EarlyHints_order: a 103 never stands before or in an answer to an earlier
// request, be it so long that a part of it has been sent.
func TestCtx_EarlyHints_order(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/hint", func(c *geist.Ctx) error {
		if err := c.EarlyHints("</a.css>"); err != nil {
			return err
		}
		return c.Text(200, "hinted")
	})
	app.POST("/hint", func(c *geist.Ctx) error {
		if err := c.EarlyHints("</a.css>"); err != nil {
			return err
		}
		return c.Text(200, "hinted")
	})
	app.GET("/long", func(c *geist.Ctx) error { return c.Text(200, strings.Repeat("l", 10_000)) })
	client := geisttest.New(t, app)
	const long, hint = "GET /long HTTP/1.1\r\nHost: a\r\n\r\n", "GET /hint HTTP/1.1\r\nHost: a\r\n\r\n"
	const post = "POST /hint HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
	const last = "GET /hint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct {
		name  string
		parts []string
		hints int
	}{
		{"alone", []string{last}, 1},
		{"first of a pipeline", []string{hint + strings.Replace(long, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)}, 1},
		{"behind a long answer", []string{long + last}, 0},
		{"behind another hint", []string{hint + last}, 1},
		{"its body comes late", []string{long + post, "body"}, 0},
		{"its header comes late", []string{long + post[:20], post[20:] + "body"}, 0},
		{"bare LF", []string{strings.ReplaceAll(strings.Repeat(hint, 40)+last, "1.1\r\n", "1.1\n")}, 1},
		{"HTTP/1.0", []string{"GET /hint HTTP/1.0\r\nHost: a\r\n\r\n"}, 0},
	} {
		answer := exchange(t, client.Dial(), tt.parts...)
		if got := strings.Count(answer, "103 Early Hints"); got != tt.hints {
			t.Errorf("%s: %d hints, want %d", tt.name, got, tt.hints)
		}
		if n := strings.Index(answer, "103 Early Hints"); n > len("HTTP/1.1 ") {
			t.Errorf("%s: the 103 stands at %d", tt.name, n)
		}
		if n := strings.Count(strings.Join(tt.parts, ""), "Host: a"); strings.Count(answer, " 200 OK") != n {
			t.Errorf("%s: want %d answers: %.300q", tt.name, n, answer)
		}
	}
}

// TestCtx_EarlyHints_deadline: the time to write the answer begins with the answer.
func TestCtx_EarlyHints_deadline(t *testing.T) {
	const timeout = 300 * time.Millisecond
	app := geist.New(geist.Config{Logger: discard(), WriteTimeout: timeout})
	app.GET("/", func(c *geist.Ctx) error {
		if err := c.EarlyHints("</a.css>"); err != nil {
			return err
		}
		time.Sleep(2 * timeout) // the work that the hint bridges
		return c.Text(200, "done")
	})
	resp := geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("done")
	if len(resp.EarlyHints()) != 1 {
		t.Errorf("hints = %v", resp.EarlyHints())
	}
}

// A handler that serves without a connection only sets the links.
func TestCtx_EarlyHints_withoutConnection(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.EarlyHints("</a.css>") })
	client, server := net.Pipe()
	go func() { _ = app.Server().ServeConn(server) }()
	answer := exchange(t, client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if strings.Contains(answer, " 103 ") || !strings.Contains(answer, "Link: </a.css>") {
		t.Errorf("answer = %q, want only the link", answer)
	}
}
