package peers

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network/standard"

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
				Run:        func(o HertzOptions) (HertzServer, error) { return runHertz(s, o) },
			}}, nil
		},
	}
}

func hertzEngine(s Spec, opts ...config.Option) *server.Hertz {
	hlog.SetOutput(io.Discard)
	h := server.New(append(opts,
		server.WithDisablePrintRoute(true),
		server.WithHandleMethodNotAllowed(s.NotAllowed),
		server.WithReadTimeout(ReadTimeout),
		server.WithWriteTimeout(WriteTimeout),
		server.WithIdleTimeout(IdleTimeout),
		server.WithMaxRequestBodySize(MaxBodyBytes),
		server.WithMaxHeaderBytes(MaxHeaderBytes),
		config.Option{F: func(o *config.Options) { o.NoDefaultServerHeader = true }},
	)...)
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
func runHertz(s Spec, o HertzOptions) (HertzServer, error) {
	opts := []config.Option{server.WithListener(o.Listener), server.WithSenseClientDisconnection(o.SenseGone)}
	if o.Standard {
		opts = append(opts, server.WithTransport(standard.NewTransporter))
	}
	h := hertzEngine(s, opts...)
	go func() { _ = h.Run() }()
	return h, nil
}
