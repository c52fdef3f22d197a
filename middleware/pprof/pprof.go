// Package pprof serves the profiles of net/http/pprof under a prefix, to this machine alone
// unless Config.Allow says otherwise.
//
//	pprof.Mount(app, "/debug/pprof")
//
//	go tool pprof http://localhost:8080/debug/pprof/profile?seconds=10
//
// Others get 403. Who asks is told by the connection's own address, never by a header field.
// A request also counts as another's if its Host is no loopback name, as a page that
// has rebound its DNS name sends it, and if it has a field of a proxy (Forwarded, Via,
// X-Forwarded-For, X-Forwarded-Host, X-Real-IP). A proxy on the same machine that
// sends neither cannot be told from a local client: give Config.Allow there.
//
// A profile or trace takes at most Config.MaxDuration, one runs at a time (409), and ends when
// its client leaves. It is sent when it is complete: Config.WriteTimeout of the engine does not
// cut it, but a Timeout of the route or a timeout middleware does.
//
// Importing net/http/pprof registers its handlers on http.DefaultServeMux. geist never serves
// that; a program that serves it elsewhere serves the profiles with it, unprotected.
//
// # WebSockets and streams
//
// There are none: the routes answer GET and HEAD, and /symbol POST.
package pprof

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// DefaultMaxDuration is the default of Config.MaxDuration: 60 seconds.
const DefaultMaxDuration = 60 * time.Second

// Config holds the settings. The zero Config is a safe default.
type Config struct {
	// Allow reports whether a request may see profiles. It replaces the rule that only this
	// machine may, so that it must look at credentials, or at an address that cannot
	// be made up. It must be safe for many goroutines. Nil means this machine.
	Allow func(c *geist.Ctx) bool

	// MaxDuration bounds how long a profile, trace or difference may take that a request asks
	// for by the query field seconds, a whole number (400). Zero means 60 seconds.
	MaxDuration time.Duration
}

// Errors that requests are answered with.
var (
	errRefused = geist.NewError(fasthttp.StatusForbidden, "profiles are served to this machine only")
	errSeconds = geist.NewError(fasthttp.StatusBadRequest, "seconds must be a whole number from 1 to the most that is allowed")
	errBusy    = geist.NewError(fasthttp.StatusConflict, "a profile or trace is being taken")
)

// Mount registers the routes under the prefix: the index at prefix/, whose links are
// relative, and the profiles below. r is an engine or a group. It takes at most one Config, and
// panics if that is not valid.
func Mount(r geist.Router, prefix string, config ...Config) {
	var conf Config
	if len(config) > 1 {
		panic("pprof: Mount was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	if conf.MaxDuration == 0 {
		conf.MaxDuration = DefaultMaxDuration
	}
	if conf.MaxDuration < time.Second {
		panic(fmt.Sprintf("pprof: Config.MaxDuration is %s: use a second or more, or 0 for the default", conf.MaxDuration))
	}
	if conf.Allow == nil {
		conf.Allow = local
	}
	g := &guard{conf: conf, most: int(conf.MaxDuration / time.Second)}
	group := r.Group(strings.TrimSuffix(prefix, "/"), g.check)
	group.Doc(geist.Hidden())
	group.GET("/", geist.FromHTTP(http.HandlerFunc(index)))
	group.GET("/cmdline", geist.FromHTTP(http.HandlerFunc(pprof.Cmdline)))
	group.GET("/profile", g.alone, geist.FromHTTP(g.bounded(pprof.Profile)))
	group.GET("/symbol", geist.FromHTTP(http.HandlerFunc(pprof.Symbol)))
	group.POST("/symbol", geist.FromHTTP(http.HandlerFunc(pprof.Symbol)))
	group.GET("/trace", g.alone, geist.FromHTTP(http.HandlerFunc(pprof.Trace)))
	group.GET("/:profile", geist.FromHTTP(http.HandlerFunc(named)))
}

// index lists the profiles. net/http/pprof would take a path under /debug/pprof/ for the
// name of one.
func index(w http.ResponseWriter, r *http.Request) {
	at, url := *r, *r.URL
	url.Path = "/"
	at.URL = &url
	pprof.Index(w, &at)
}

// named serves the profile that the path names, or says with a 404 that there is none.
func named(w http.ResponseWriter, r *http.Request) {
	pprof.Handler(r.PathValue("profile")).ServeHTTP(w, r)
}

// guard decides which requests reach the handlers.
type guard struct {
	conf Config
	most int        // seconds
	busy sync.Mutex // held while a profile or trace is taken
}

// check is the middleware of the routes.
func (g *guard) check(c *geist.Ctx) error {
	c.SetHeader(fasthttp.HeaderCacheControl, "no-store")
	if !g.conf.Allow(c) {
		return errRefused
	}
	for _, s := range c.QueryAll("seconds") {
		if n, err := strconv.ParseUint(s, 10, 31); err != nil || n < 1 || int(n) > g.most {
			return errSeconds.With("most", g.most)
		}
	}
	return c.Next()
}

// alone is the middleware of what can run only once at a time.
func (g *guard) alone(c *geist.Ctx) error {
	if !g.busy.TryLock() {
		return errBusy
	}
	c.OnClose(g.busy.Unlock) // when the answer has been sent, if it is a stream
	return c.Next()
}

// profileSeconds is how long net/http/pprof takes a profile unless it is told.
const profileSeconds = 30

// bounded bounds a profile whose request does not say how long.
func (g *guard) bounded(profile http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("seconds") == "" {
			r.Form.Set("seconds", strconv.Itoa(min(profileSeconds, g.most)))
		}
		profile(w, r)
	})
}

// passedOn are fields that proxies add.
var passedOn = [...]string{fasthttp.HeaderForwarded, fasthttp.HeaderVia, fasthttp.HeaderXForwardedFor, fasthttp.HeaderXForwardedHost, "X-Real-IP"}

// local reports whether a request comes from this machine, and means it.
func local(c *geist.Ctx) bool {
	rc := c.RawHeader()
	addr, ok := rc.RemoteAddr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		return false
	}
	for _, name := range passedOn {
		if len(rc.Request.Header.PeekAll(name)) > 0 {
			return false
		}
	}
	host := c.Host()
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
