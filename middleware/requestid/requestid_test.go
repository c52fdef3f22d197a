package requestid_test

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/requestid"
)

var freshID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// echo returns an engine whose / answers with the id that From finds.
func echo(config requestid.Config) *geist.Engine {
	app := geist.New()
	app.Use(requestid.New(config))
	app.GET("/", func(c *geist.Ctx) error {
		id, ok := requestid.From(c)
		if !ok {
			return geist.NewError(500, "no id")
		}
		return c.Text(200, id)
	})
	return app
}

func TestNew_inbound(t *testing.T) {
	for _, tt := range []struct {
		name, header, id string
		config           requestid.Config
		taken            bool
	}{
		{"valid", "X-Request-ID", "abcXYZ019._-+/=:", requestid.Config{}, true},
		{"one byte", "X-Request-ID", "7", requestid.Config{}, true},
		{"longest", "X-Request-ID", strings.Repeat("a", requestid.MaxLength), requestid.Config{}, true},
		{"other field", "Traceparent", "00-1-2", requestid.Config{Header: "traceparent"}, true},
		{"none", "X-Other", "7", requestid.Config{}, false},
		{"ignored", "X-Request-ID", "7", requestid.Config{IgnoreInbound: true}, false},
		{"empty", "X-Request-ID", "", requestid.Config{}, false},
		{"too long", "X-Request-ID", strings.Repeat("a", requestid.MaxLength+1), requestid.Config{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := geisttest.New(t, echo(tt.config)).GET("/").Header(tt.header, tt.id).Do().Status(200)
			name := tt.config.Header
			if name == "" {
				name = requestid.DefaultHeader
			}
			got := resp.Text()
			resp.HasHeader(name, got)
			if tt.taken && got != tt.id || !tt.taken && !freshID.MatchString(got) {
				t.Errorf("id = %q, sent %q, taken should be %t", got, tt.id, tt.taken)
			}
		})
	}
}

func TestNew_config(t *testing.T) {
	for name, f := range map[string]func(){
		"field name":  func() { requestid.New(requestid.Config{Header: "X Request"}) },
		"two configs": func() { requestid.New(requestid.Config{}, requestid.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "requestid: ") {
					t.Errorf("panic = %q, want one of this package", s)
				}
			}()
			f()
		})
	}
}

// TestNew_logger: the id is in what handlers log and in what the engine logs of a failure.
func TestNew_logger(t *testing.T) {
	var log bytes.Buffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.Use(requestid.New())
	app.GET("/", func(c *geist.Ctx) error {
		c.Logger().Info("hello")
		panic("no")
	})
	geisttest.New(t, app).GET("/").Header("X-Request-ID", "id-7").Do().Status(500)
	if got := strings.Count(log.String(), "request_id=id-7"); got != 2 {
		t.Errorf("%d log lines have the id, want 2:\n%s", got, &log)
	}
}

func TestNew_notFound(t *testing.T) {
	app := echo(requestid.Config{})
	app.GET("/dir/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"GET", "/dir", 308}, {"HEAD", "/", 200},
	} {
		client.Request(tt.method, tt.path).Header("X-Request-ID", "id-7").Do().Status(tt.status).HasHeader("X-Request-ID", "id-7")
	}
}

func TestNew_websocket(t *testing.T) {
	app := echo(requestid.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		if _, err := ws.Read(); err != nil {
			return err
		}
		id, _ := requestid.From(c)
		return ws.Write(geist.TextMessage, []byte(id))
	})
	ws := geisttest.New(t, app).GET("/ws").Header("X-Request-ID", "id-7").WS()
	ws.Response().HasHeader("X-Request-ID", "id-7")
	ws.Send("who").Next().Text("id-7")
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	app := echo(requestid.Config{})
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			id, _ := requestid.From(c)
			return s.Send(geist.Event{Data: []byte(id)})
		})
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	client := geisttest.New(t, app)
	feed := client.GET("/run").Header("X-Request-ID", "id-7").SSE()
	feed.Response().HasHeader("X-Request-ID", "id-7")
	feed.Next().Is("message", "id-7")
	client.GET("/follow").Header("X-Request-ID", "id-8").SSE().Response().HasHeader("X-Request-ID", "id-8")
}
