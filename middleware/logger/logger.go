// Package logger is middleware that logs each request when it ends: with log/slog, or as
// lines of JSON or of Apache's formats.
//
//	app.Use(requestid.New(), logger.New())
//
// A line has the method, the route, the path, the status, the bytes of the body, the
// time taken, the client's address, the error if there is one, and what
// [geist.Ctx.AddLogAttrs] has added, such as a request id. Its level is error for statuses
// from 500, warn from 400, else info.
//
// Nothing that a client sends can end a line or act on a terminal: the path is logged
// escaped as in a URL, other texts as the format escapes them. Queries and header fields are
// not logged unless Config asks for them, and then without what looks like a secret; see
// Config.Redact. A path of which a parameter looks like one by its name
// ("/reset/:token") is logged as its pattern.
//
// It belongs in front of what may refuse requests. It runs for 404, 405, automatic OPTIONS
// answers and redirects as for routes, and logs a panic of middleware behind it with status 500.
// What the engine refuses before routing, malformed requests, is not seen.
//
// # WebSockets and streams
//
// Their line comes when the connection or stream has ended, also when a hub follows it, with the
// time that it lasted and without bytes; its status is that of the answer, 101 or 200. With
// Config.Opened there is one when it begins, too. What Attrs returns is taken when it begins.
package logger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// Format is the form of the lines.
type Format uint8

const (
	// Slog, the default, gives records to Config.Logger, or to [geist.Ctx.Logger].
	Slog Format = iota
	// JSON writes an object a line, as slog.JSONHandler does.
	JSON
	// Common writes Apache's common log format.
	Common
	// Combined writes Apache's combined log format: Common with the Referer, without its
	// query, and the User-Agent.
	Combined
)

// Config holds the settings. The zero Config logs every request by the engine's logger. Its
// functions must be safe for many goroutines.
type Config struct {
	// Format is the form of the lines. Zero means Slog.
	Format Format

	// Logger gets the records of the format Slog. Nil means c.Logger(), with what handlers
	// have added by SetLogger.
	Logger *slog.Logger

	// Output gets the lines of the other formats, each by one Write, never two at once. The
	// first error of a row is logged by c.Logger(). It must be set for these formats, and only then.
	Output io.Writer

	// Message is the message of records. Empty means "request". That of Opened is "opened".
	Message string

	// Sample logs one of that many requests whose status is below 500, and all others.
	// Zero and one log all. What is left out allocates nothing.
	Sample int

	// Opened logs WebSockets and streams when they begin, too. Not for Apache's formats.
	Opened bool

	// Query adds the query to the path, with redacted values.
	Query bool

	// Headers names fields of requests that are added, redacted, to records as "header". Not
	// for Apache's formats.
	Headers []string

	// Redact adds to the names whose values are replaced by "REDACTED": of query
	// fields, header fields and path parameters. A name counts if it contains one of these, whatever
	// the case. Always there: token, password, passwd, pwd, passphrase, secret, key, auth, cookie,
	// session, credential, signature and jwt; and code, sig, sid, otp and pin as whole names.
	Redact []string

	// Attrs returns further attributes for the record of a request, when its chain has
	// returned. Not for Apache's formats. Nil adds none.
	Attrs func(c *geist.Ctx) []slog.Attr
}

// New returns the middleware. It takes at most one Config, and panics if it is
// contradictory.
func New(config ...Config) geist.Handler {
	var conf Config
	if len(config) > 1 {
		panic("logger: New was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	conf.check()
	l := &accessLog{conf: conf, redact: newRedactor(conf.Redact)}
	l.conf.Headers = slices.Clone(conf.Headers)
	if conf.Message == "" {
		l.conf.Message = "request"
	}
	if conf.Output != nil {
		l.out = &lineWriter{w: conf.Output}
	}
	if conf.Format == JSON {
		l.json = slog.NewJSONHandler(l.out, nil)
	}
	return l.handle
}

// check panics if the Config is contradictory.
func (conf *Config) check() {
	apache := conf.Format == Common || conf.Format == Combined
	switch {
	case conf.Format > Combined:
		panic(fmt.Sprintf("logger: Config.Format is %d: use Slog, JSON, Common or Combined", conf.Format))
	case conf.Format != Slog && conf.Output == nil:
		panic("logger: Config.Output is nil: give a writer for the lines, such as os.Stdout")
	case conf.Format == Slog && conf.Output != nil:
		panic("logger: Config.Output with the format Slog: give a Logger that writes there, or another Format")
	case conf.Format != Slog && conf.Logger != nil:
		panic("logger: Config.Logger with a format that is not Slog: give an Output alone")
	case conf.Sample < 0:
		panic(fmt.Sprintf("logger: Config.Sample is %d: use a positive number, or 0 for all requests", conf.Sample))
	case apache && (conf.Attrs != nil || conf.Opened || len(conf.Headers) > 0):
		panic("logger: Config.Attrs, Opened and Headers have no place in Apache's formats: use Slog or JSON")
	case slices.Contains(conf.Redact, ""):
		panic("logger: Config.Redact holds an empty name, which every name contains: remove it")
	}
}

// accessLog logs the requests of one middleware.
type accessLog struct {
	conf    Config
	redact  redactor
	out     *lineWriter
	json    slog.Handler
	sampled atomic.Uint64 // requests that could be left out
}

// handle is the middleware.
func (l *accessLog) handle(c *geist.Ctx) error {
	begin := time.Now()
	returned := false
	defer func() {
		if !returned { // a panic, which goes on, and is answered 500
			l.ended(c, begin, fasthttp.StatusInternalServerError, errPanic)
		}
	}()
	err := c.Next()
	returned = true
	l.ended(c, begin, c.ResponseStatus(), err)
	return err
}

// errPanic is the error of a request that ended with a panic of middleware.
var errPanic = errors.New("middleware panicked")

// ended logs a request whose chain has returned, or has that done when it ends.
func (l *accessLog) ended(c *geist.Ctx, begin time.Time, status int, err error) {
	level := levelOf(status)
	if status < 500 && l.conf.Sample > 1 && l.sampled.Add(1)%uint64(l.conf.Sample) != 1 {
		return
	}
	h := l.handler(c)
	if h != nil && !h.Enabled(context.Background(), level) {
		return
	}
	e := l.entry(c, begin, status, err)
	e.handler, e.level = h, level
	if !e.stays {
		l.write(e, l.conf.Message)
		return
	}
	if l.conf.Opened {
		l.write(e, "opened")
	}
	c.OnEnd(func() { l.write(e, l.conf.Message) })
}

// levelOf returns the level for a status.
func levelOf(status int) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelError
	case status >= 400:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// handler returns what gets the records, or nil for Apache's formats.
func (l *accessLog) handler(c *geist.Ctx) slog.Handler {
	switch {
	case l.conf.Format == Slog && l.conf.Logger != nil:
		return l.conf.Logger.Handler()
	case l.conf.Format == Slog:
		return c.Logger().Handler()
	}
	return l.json
}

// entry is what is logged of a request. It refers to nothing of the Ctx but its logger.
type entry struct {
	handler slog.Handler // nil for Apache's formats
	logger  *slog.Logger // tells of lines that cannot be written
	level   slog.Level
	begin   time.Time
	stays   bool // it has become a stream or a connection
	bytes   int
	status  int
	named   bool // handler has neither method nor route yet
	method  string
	route   string
	path    string // escaped
	ip      string
	err     error
	attrs   []slog.Attr

	protocol, referer, agent string // of Apache's formats
}

// entry takes what is logged out of c.
func (l *accessLog) entry(c *geist.Ctx, begin time.Time, status int, err error) *entry {
	rc := c.RawHeader()
	e := &entry{begin: begin, status: status, err: err, method: strings.Clone(c.Method()), path: l.path(c), ip: strings.Clone(c.ClientIP())}
	e.bytes, e.stays = bodySize(rc, status)
	switch l.conf.Format {
	case Common, Combined:
		h := &rc.Request.Header
		e.logger = c.Logger()
		e.protocol = string(h.Protocol())
		referer, _, _ := strings.Cut(string(h.Referer()), "?")
		e.referer, e.agent = referer, string(h.UserAgent())
	case JSON:
		e.logger = c.Logger()
		fallthrough
	case Slog:
		e.named = l.conf.Format == JSON || l.conf.Logger != nil // c.Logger() has what is added then
		e.route = c.Pattern()
		e.attrs = l.attrs(c, e.named)
	}
	return e
}

// bodySize returns the length of an answer's body, and whether it is a stream or connection
// that goes on behind the chain.
func bodySize(rc *fasthttp.RequestCtx, status int) (n int, stays bool) {
	resp := &rc.Response
	switch {
	case status == fasthttp.StatusSwitchingProtocols:
		return 0, true
	case rc.IsHead():
		return 0, false
	case resp.IsBodyStream():
		return max(resp.Header.ContentLength(), 0), true
	}
	return len(resp.Body()), false
}

// attrs returns the attributes that only some requests have, those of AddLogAttrs among them
// if named is set.
func (l *accessLog) attrs(c *geist.Ctx, named bool) []slog.Attr {
	var all []slog.Attr
	if named {
		all = append(all, c.LogAttrs()...)
	}
	if len(l.conf.Headers) > 0 {
		all = append(all, slog.Attr{Key: "header", Value: slog.GroupValue(l.headers(c)...)})
	}
	if l.conf.Attrs != nil {
		all = append(all, l.conf.Attrs(c)...)
	}
	return all
}

// headers returns the fields of the request that Config.Headers names and that were sent.
func (l *accessLog) headers(c *geist.Ctx) []slog.Attr {
	var fields []slog.Attr
	for _, name := range l.conf.Headers {
		value := c.Header(name)
		if value == "" {
			continue
		}
		if l.redact.hides(name) {
			value = redacted
		}
		fields = append(fields, slog.String(name, visible(strings.Clone(value))))
	}
	return fields
}
