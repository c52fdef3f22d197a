// Package peers builds the same small application with every framework of the
// suite: one file each, which a maintainer of that framework can correct alone.
//
// Each file uses the framework's own idiom in its fastest documented
// configuration, with no other feature switched on. What all handlers do is
// fixed by [Action]; values that they share (the text, the JSON value, the
// limits of a server) are in this file.
package peers

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/bench/tables"
)

// An Action says what every handler of an application does.
type Action int

const (
	// Record stores the route's ID and the values of its parameters in the sink
	// and answers nothing. Values are read the way the framework recommends, be
	// they copies or views.
	Record Action = iota
	// Params does the same with strings that stay valid after the request, and
	// answers with Body as text.
	Params
	// Text answers with Body as text.
	Text
	// JSON answers with a pointer to a User.
	JSON
	// JSONList answers with a slice of ten of them.
	JSONList
	// Wait calls Spec.Wait with the request's context, then answers with Body.
	Wait
)

// Body is what text handlers answer with.
const Body = "Hello, World!"

// TextType is the content type of Body.
const TextType = "text/plain; charset=utf-8"

// User is the struct that handlers of JSON and JSONList answer with.
type User struct {
	ID     int      `json:"id"`
	Name   string   `json:"name"`
	Email  string   `json:"email"`
	Admin  bool     `json:"admin"`
	Scores []int    `json:"scores"`
	Tags   []string `json:"tags"`
}

// Value returns what handlers of JSON and JSONList answer with. They ask for it once and
// answer with the same each time.
func (a Action) Value() any {
	if a == JSON {
		return newUser(583231)
	}
	list := make([]*User, 10)
	for i := range list {
		list[i] = newUser(583231 + i)
	}
	return list
}

func newUser(id int) *User {
	return &User{ID: id, Name: "Mona Lisa Octocat", Email: "octocat@github.com", Admin: true,
		Scores: []int{7, 42, 1347}, Tags: []string{"go", "web"}}
}

// A Sink takes what a handler has read. It belongs to one application and is
// written by one request at a time.
type Sink struct {
	Route  int
	N      int
	Values [8]string
	// Pattern stands for Route where a router alone reports only that.
	Pattern string
}

// A Spec describes an application.
type Spec struct {
	Table tables.Table
	// Hit is the one route that will be asked for, if there is only one: the
	// hand-written servers implement nothing else.
	Hit *tables.Route
	Do  Action
	// Sink is needed by Record and Params.
	Sink *Sink
	// Middleware is the number of pass-through middlewares before each handler.
	Middleware int
	// NotAllowed asks for 405 where a path exists with another method only.
	// Frameworks in which that costs something have it off otherwise.
	NotAllowed bool
	// Wait is what the action Wait calls.
	Wait func(context.Context)
}

// An App is what a peer has built. One of the first three fields is set.
type App struct {
	// HTTP is the handler of a net/http framework.
	HTTP http.Handler
	// Fast is the handler of a fasthttp framework.
	Fast fasthttp.RequestHandler
	// Hertz builds an engine of Hertz.
	Hertz *Hertz
	// FastServer is the framework's own server. Nil means one with the limits of
	// FastServer around Fast.
	FastServer *fasthttp.Server
	// Serve is the framework's own way to serve a listener, and Stop ends it. Nil means
	// FastServer.
	Serve func(net.Listener) error
	Stop  func()
	// Lookup is the router alone: it writes what it found to the sink and reports
	// whether it found anything. Few frameworks export one.
	Lookup func(method, path string, s *Sink) bool
}

// Hertz is an application of Hertz, which has its own server and request types.
type Hertz struct {
	// NewContext returns a request context as the server would allocate it.
	NewContext func() *app.RequestContext
	// Serve handles one request.
	Serve func(ctx context.Context, c *app.RequestContext)
	// Run makes a server for the application.
	Run func(o HertzOptions) (HertzServer, error)
}

// A Peer is one framework.
type Peer struct {
	// Name is how it is called in tables.
	Name string
	// Module is the module whose version is printed; empty for the standard library.
	Module string
	// Build makes an application. It returns an error (a panic counts as one) if
	// the framework cannot express it.
	Build func(Spec) (App, error)
	// Plain and API build the applications of the loopback scenes, see service.go. Nil means
	// that the peer takes no part in them.
	Plain, API func() (App, error)
	// Handwritten marks servers without a router, which answer only Spec.Hit.
	Handwritten bool
	// No405 says why the peer cannot tell 405 from 404; empty means it can.
	No405 string
	// Only limits the peer to scenes whose names begin with one of these; it is a
	// variant of another. Empty means all scenes.
	Only []string
	// NoCancel says why a handler's context does not end when its client leaves;
	// empty means it does.
	NoCancel string
}

// In reports whether the peer takes part in a scene, as far as Only says.
func (p *Peer) In(scene string) bool {
	return len(p.Only) == 0 || slices.ContainsFunc(p.Only, func(prefix string) bool { return strings.HasPrefix(scene, prefix) })
}

// All returns the peers. Geist comes first.
func All() []Peer {
	return append(geistPeers(),
		rawPeer(), fiberPeer(), fasthttpRouterPeer(),
		hertzPeer(),
		serveMuxPeer(), ginPeer(), echoPeer(), chiPeer(), httprouterPeer(), bunrouterPeer(),
	)
}

// Limits that every server is given: geist's defaults (DESIGN.md §7).
// TestGeist_sameServerSettings holds them equal.
const (
	ReadTimeout    = 30 * time.Second
	WriteTimeout   = 30 * time.Second
	IdleTimeout    = 75 * time.Second
	MaxBodyBytes   = 4 << 20
	MaxHeaderBytes = 32 << 10 // header fields and request target
	MaxConns       = 256 << 10
)

// FastServer returns a fasthttp server with the suite's limits. It sends no
// Server header, since geist and net/http send none, and leaves the default
// content type on, which saves its handlers from setting one.
func FastServer(h fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      h,
		NoDefaultServerHeader:        true,
		ReadBufferSize:               MaxHeaderBytes,
		ReadTimeout:                  ReadTimeout,
		WriteTimeout:                 WriteTimeout,
		IdleTimeout:                  IdleTimeout,
		MaxRequestBodySize:           MaxBodyBytes,
		Concurrency:                  MaxConns,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
	}
}

// HTTPServer returns a net/http server with the suite's limits.
func HTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:        h,
		ReadTimeout:    ReadTimeout,
		WriteTimeout:   WriteTimeout,
		IdleTimeout:    IdleTimeout,
		MaxHeaderBytes: MaxHeaderBytes,
	}
}

// textType is the Content-Type of Body, ready for an http.Header.
var textType = []string{TextType}

// writeText is how handlers of net/http answer with Body. A shared value slice
// saves the allocation that Header.Set would make.
func writeText(w http.ResponseWriter) {
	w.Header()["Content-Type"] = textType
	_, _ = w.Write(bodyBytes)
}

var bodyBytes = []byte(Body)
