package peers

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network/standard"
	"github.com/cloudwego/hertz/pkg/protocol"
	"github.com/go-playground/validator/v10"

	"github.com/gogeist/geist/bench/tables"
)

// HertzOptions says how a Hertz server is run.
type HertzOptions struct {
	Listener net.Listener
	// Standard selects the transport on net.Conn, for connections without a file
	// descriptor. Otherwise it is netpoll, Hertz's default and fastest.
	Standard bool
	// SenseGone ends a handler's context when its client leaves.
	SenseGone bool
	// TLS, if not nil, encrypts connections. Netpoll cannot: the transport is that on net.Conn.
	TLS *tls.Config
}

// A HertzServer is a running server.
type HertzServer interface{ Close() error }

// hertzPeer: server.New, which has no recovery, unlike server.Default. JSON is
// encoded by sonic, its default on amd64.
func hertzPeer() Peer {
	return Peer{
		Name: "hertz", Module: "github.com/cloudwego/hertz",
		Build: func(s Spec) (App, error) {
			h := hertzEngine(s)
			return App{Hertz: &Hertz{
				NewContext: h.NewContext,
				Serve:      h.ServeHTTP,
				Run: func(o HertzOptions) (HertzServer, error) {
					return runHertz(func(opts ...config.Option) *server.Hertz { return hertzEngine(s, opts...) }, o)
				},
			}}, nil
		},
		Plain: func() (App, error) { return hertzService(hertzPlain), nil },
		API:   func() (App, error) { return hertzService(hertzAPI), nil },
	}
}

// newHertz returns an engine with the suite's limits.
func newHertz(opts ...config.Option) *server.Hertz {
	hlog.SetOutput(io.Discard)
	return server.New(append(opts,
		server.WithDisablePrintRoute(true),
		server.WithReadTimeout(ReadTimeout),
		server.WithWriteTimeout(WriteTimeout),
		server.WithIdleTimeout(IdleTimeout),
		server.WithMaxRequestBodySize(MaxBodyBytes),
		server.WithMaxHeaderBytes(MaxHeaderBytes),
		config.Option{F: func(o *config.Options) { o.NoDefaultServerHeader = true }},
	)...)
}

func hertzEngine(s Spec, opts ...config.Option) *server.Hertz {
	h := newHertz(append(opts, server.WithHandleMethodNotAllowed(s.NotAllowed))...)
	for range s.Middleware {
		h.Use(func(ctx context.Context, c *app.RequestContext) { c.Next(ctx) })
	}
	for _, r := range s.Table.Routes {
		h.Handle(r.Method, r.Pattern, hertzHandler(s, r))
	}
	return h
}

func hertzHandler(s Spec, r tables.Route) app.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(_ context.Context, c *app.RequestContext) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = c.Param(name)
			}
			if answer {
				c.String(http.StatusOK, Body)
			}
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(_ context.Context, c *app.RequestContext) { c.JSON(http.StatusOK, v) }
	case Wait:
		return func(ctx context.Context, c *app.RequestContext) { s.Wait(ctx); c.String(http.StatusOK, Body) }
	default:
		return func(_ context.Context, c *app.RequestContext) { c.String(http.StatusOK, Body) }
	}
}

// runHertz starts a server in a goroutine, which ends when the server is closed.
func runHertz(build func(...config.Option) *server.Hertz, o HertzOptions) (HertzServer, error) {
	opts := []config.Option{server.WithListener(o.Listener), server.WithSenseClientDisconnection(o.SenseGone)}
	if o.Standard {
		opts = append(opts, server.WithTransport(standard.NewTransporter))
	}
	if o.TLS != nil {
		opts = append(opts, server.WithTLS(o.TLS)) // it brings the transport on net.Conn
	}
	h := build(opts...)
	go func() { _ = h.Run() }()
	return h, nil
}

// hertzService is an application of the loopback scenes.
func hertzService(build func(...config.Option) *server.Hertz) App {
	return App{Hertz: &Hertz{Run: func(o HertzOptions) (HertzServer, error) { return runHertz(build, o) }}}
}

func hertzPlain(opts ...config.Option) *server.Hertz {
	h, user, data := newHertz(opts...), newUser(583231), blob()
	h.GET("/hello", func(_ context.Context, c *app.RequestContext) { c.String(http.StatusOK, Body) })
	h.GET("/users/:user", func(_ context.Context, c *app.RequestContext) { c.String(http.StatusOK, c.Param("user")) })
	h.GET("/json", func(_ context.Context, c *app.RequestContext) { c.JSON(http.StatusOK, user) })
	h.POST("/upload", func(_ context.Context, c *app.RequestContext) {
		b, err := c.Body()
		if err != nil {
			c.String(http.StatusBadRequest, "upload")
			return
		}
		c.String(http.StatusOK, strconv.Itoa(len(b)))
	})
	h.GET("/download", func(_ context.Context, c *app.RequestContext) {
		c.Response.Header.SetContentType(octets)
		c.Response.SetBodyRaw(data)
	})
	return h
}

// hertzAPI binds by Hertz's own means and validates by validator/v10, as its guide does
// now that its own validator is deprecated. It has no middleware for the rest but recovery,
// which logs stacks: all are by hand.
func hertzAPI(opts ...config.Option) *server.Hertz {
	rules := validator.New()
	h := newHertz(append(opts, server.WithCustomValidatorFunc(func(_ *protocol.Request, v any) error { return rules.Struct(v) }))...)
	_, loopback, _ := net.ParseCIDR("127.0.0.0/8")
	h.SetClientIPFunc(app.ClientIPWithOption(app.ClientIPOptions{RemoteIPHeaders: []string{"X-Forwarded-For"}, TrustedCIDRs: []*net.IPNet{loopback}}))
	h.Use(hertzRequestID, hertzCORS, hertzSecure, hertzRecovery)
	h.NoRoute(func(_ context.Context, c *app.RequestContext) { hertzTrouble(c, http.StatusNotFound) })
	h.GET(APIPrefix+"panic", func(context.Context, *app.RequestContext) { panicking() })
	for _, name := range Resources() {
		path := APIPrefix + name
		h.GET(path, hertzList)
		h.POST(path, hertzCreate)
		h.GET(path+"/:id", hertzShow)
		h.PUT(path+"/:id", hertzUpdate)
		h.DELETE(path+"/:id", func(_ context.Context, c *app.RequestContext) { c.Status(http.StatusNoContent) })
	}
	return h
}

func hertzTrouble(c *app.RequestContext, status int) { c.JSON(status, troubleOf(status)) }

func hertzRequestID(_ context.Context, c *app.RequestContext) {
	id := string(c.GetHeader(requestID))
	if id == "" {
		id = newRequestID()
	}
	c.Response.Header.Set(requestID, id)
}

func hertzCORS(_ context.Context, c *app.RequestContext) {
	c.Response.Header.Set("Vary", "Origin")
	if string(c.GetHeader("Origin")) == Origin {
		c.Response.Header.Set("Access-Control-Allow-Origin", Origin)
	}
}

func hertzSecure(_ context.Context, c *app.RequestContext) {
	for _, h := range secureHeaders {
		c.Response.Header.Set(h[0], h[1])
	}
}

func hertzRecovery(ctx context.Context, c *app.RequestContext) {
	defer func() {
		if recover() != nil {
			hertzTrouble(c, http.StatusInternalServerError)
		}
	}()
	c.Next(ctx)
}

func hertzList(_ context.Context, c *app.RequestContext) {
	var q ListQuery
	if c.BindQuery(&q) != nil || c.Validate(&q) != nil {
		hertzTrouble(c, http.StatusUnprocessableEntity)
		return
	}
	c.JSON(http.StatusOK, q.page(c.ClientIP()))
}

func hertzShow(_ context.Context, c *app.RequestContext) {
	if id, ok := hertzID(c); ok {
		record := stored(id, c.ClientIP())
		c.JSON(http.StatusOK, &record)
	}
}

func hertzCreate(_ context.Context, c *app.RequestContext) {
	if in, ok := hertzBody(c); ok {
		c.JSON(http.StatusCreated, in.record(newID, c.ClientIP()))
	}
}

func hertzUpdate(_ context.Context, c *app.RequestContext) {
	id, ok := hertzID(c)
	if !ok {
		return
	}
	if in, ok := hertzBody(c); ok {
		c.JSON(http.StatusOK, in.record(id, c.ClientIP()))
	}
}

func hertzID(c *app.RequestContext) (int, bool) {
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil {
		hertzTrouble(c, http.StatusUnprocessableEntity)
	}
	return id, err == nil
}

func hertzBody(c *app.RequestContext) (*EntryInput, bool) {
	in := new(EntryInput)
	if c.BindJSON(in) != nil {
		hertzTrouble(c, http.StatusBadRequest)
		return nil, false
	}
	if c.Validate(in) != nil {
		hertzTrouble(c, http.StatusUnprocessableEntity)
		return nil, false
	}
	return in, true
}
