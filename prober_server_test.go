package geist_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gogeist/geist"
)

// The server of the prober answers every request with all that its Ctx tells about
// it, keeps a sample of the strings and looks at them again much later.

// Locals of the prober. Two typed keys have one type, so that a mix-up would show.
var (
	probeKey   = geist.NewKey[string]("probe")
	probeOther = geist.NewKey[string]("other")
	probePtr   = geist.NewKey[*probeValue]("pointer")
)

type probeValue struct{ token string }

type probeContextKey struct{}

// manyParams is more than a Ctx holds in place.
const manyParams = 20

// probeServer counts what must not happen, and what must have.
type probeServer struct {
	stale    atomic.Int64 // a local of an earlier request
	changed  atomic.Int64 // a kept string that is no longer what it was
	twice    atomic.Int64 // an OnClose that ran again
	opened   atomic.Int64 // OnClose registered
	closed   atomic.Int64 // OnClose run
	kept     atomic.Int64
	panicked atomic.Int64
	aborted  atomic.Int64
	handled  atomic.Int64

	shards [16]keepShard

	mu       sync.Mutex
	contexts []keptContext // guarded by mu
}

// keepShard is a ring of kept strings; a string is looked at when its slot is used again.
type keepShard struct {
	mu   sync.Mutex
	ring [2048]keptString // guarded by mu
	next int              // guarded by mu
}

type keptString struct{ lent, copied string }

type keptContext struct {
	ctx   context.Context
	token string
}

// keep remembers a string that a Ctx lent, and judges the one it displaces.
func (s *probeServer) keep(shard int64, lent string) {
	h := &s.shards[shard%int64(len(s.shards))]
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.ring[h.next]
	h.ring[h.next] = keptString{lent, strings.Clone(lent)}
	h.next = (h.next + 1) % len(h.ring)
	s.kept.Add(1)
	if old.lent != old.copied {
		s.changed.Add(1)
	}
}

// judgeKept looks at all strings that are still kept.
func (s *probeServer) judgeKept() {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		for _, k := range h.ring {
			if k.lent != k.copied {
				s.changed.Add(1)
			}
		}
		h.mu.Unlock()
	}
}

// wrongContexts counts the contexts that have not ended for one of the right
// reasons or do not hold their value. All requests must be over.
func (s *probeServer) wrongContexts() (wrong int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.contexts {
		cause := context.Cause(k.ctx)
		ok := errors.Is(cause, geist.ErrRequestDone) || errors.Is(cause, geist.ErrClientGone)
		if !ok || k.ctx.Value(probeContextKey{}) != k.token {
			wrong++
		}
	}
	return wrong
}

// engine returns an application with every kind of route. The variants differ in
// how requests find them: directly, by host, or by a normalised path.
func (s *probeServer) engine(variant int, unsafe bool) *geist.Engine {
	cfg := geist.Config{Logger: slog.New(slog.DiscardHandler), UnsafeStrings: unsafe}
	if variant == variantFolded {
		cfg.CaseInsensitive, cfg.TrailingSlash = true, geist.SlashIgnore
	}
	app := geist.New(cfg)
	app.Use(s.enter, func(c *geist.Ctx) error { return c.Next() })
	app.NotFound(func(c *geist.Ctx) error { return s.echo(c, 404) })
	s.routes(app)
	if variant == variantHosts {
		s.routes(app.Host("{tenant}.example.com"))
		s.routes(app.Host("exact.example.com"))
	}
	child := geist.New(cfg)
	child.NotFound(func(c *geist.Ctx) error { return s.echo(c, 404) })
	child.Any("/c/:a", s.answer)
	app.Mount("/mnt/:t", child)
	return app
}

const (
	variantPlain = iota
	variantHosts
	variantFolded
	variants
)

func (s *probeServer) routes(r geist.Router) {
	r.Any("/r/:a", s.answer)
	r.Any("/m/:a/:b/:c", s.answer)
	r.Any("/m/:a/fixed/:c", s.answer)
	r.Any("/f/:a.:b", s.answer)
	r.Any("/o/:a?", s.answer)
	r.Any("/w/*a", s.answer)
	r.Any(manyPattern(), s.answer)
	r.Any("/fail/:a", func(c *geist.Ctx) error {
		return geist.NewError(409, "taken").With("token", c.Param("a"))
	})
	r.Any("/panic/:a", func(c *geist.Ctx) error {
		s.panicked.Add(1)
		panic("of " + c.Param("a"))
	})
	r.Any("/abort/:a", func(c *geist.Ctx) error {
		s.aborted.Add(1)
		if len(c.Param("a"))%2 == 0 {
			panic(geist.ErrAbort)
		}
		return geist.ErrAbort
	})
	g := r.Group("/g/:b", func(c *geist.Ctx) error {
		probeOther.Set(c, c.Param("b"))
		return c.Next()
	})
	g.Any("/:a", s.answer)
}

func manyPattern() string {
	var b strings.Builder
	b.WriteString("/many")
	for i := range manyParams {
		b.WriteString("/:p" + strconv.Itoa(i))
	}
	return b.String()
}

// enter is the outermost middleware: it finds a clean Ctx, and fills it.
func (s *probeServer) enter(c *geist.Ctx) error {
	s.handled.Add(1)
	_, set := probeKey.Get(c)
	_, other := probeOther.Get(c)
	_, pointer := probePtr.Get(c)
	if set || other || pointer || c.Local("kv") != nil {
		s.stale.Add(1)
	}
	if v := c.Header("X-Key"); v != "" {
		probeKey.Set(c, v)
		probePtr.Set(c, &probeValue{v})
	}
	if v := c.Header("X-Kv"); v != "" {
		c.SetLocal("kv", v)
	}
	if v := c.Header("X-Back"); v != "" {
		c.SetHeader("X-Back", v)
	}
	if c.Header("X-Close") != "" {
		s.onClose(c)
	}
	switch c.Header("X-Mode") {
	case "early":
		return c.Text(202, "early "+c.Query("q1"))
	case "panic":
		s.panicked.Add(1)
		panic("in middleware")
	case "after":
		err := c.Next()
		c.SetHeader("X-After", strconv.Itoa(c.ResponseStatus()))
		return err
	}
	return c.Next()
}

// onClose counts a closer, and tells one that runs twice.
func (s *probeServer) onClose(c *geist.Ctx) {
	s.opened.Add(1)
	ran := false
	c.OnClose(func() {
		if ran {
			s.twice.Add(1)
		}
		ran = true
		s.closed.Add(1)
	})
}

func (s *probeServer) answer(c *geist.Ctx) error {
	if v := c.Header("X-Ctx"); v != "" {
		c.SetContext(context.WithValue(c.Context(), probeContextKey{}, v))
		s.mu.Lock()
		s.contexts = append(s.contexts, keptContext{c.Context(), strings.Clone(v)})
		s.mu.Unlock()
	}
	return s.echo(c, 200)
}

var probeBuffers = sync.Pool{New: func() any { return new([]byte) }}

// echo answers with all that the Ctx tells, a name and a value a line.
func (s *probeServer) echo(c *geist.Ctx, status int) error {
	buf := probeBuffers.Get().(*[]byte)
	b := (*buf)[:0]
	n := s.handled.Load()
	sample := n%8 == 0
	line := func(name, value string) {
		b = append(append(append(append(b, name...), '='), value...), '\n')
		if sample && value != "" {
			s.keep(n, value)
		}
	}
	line("path", c.Path())
	line("host", c.Host())
	line("tenant", c.Param("tenant"))
	line("t", c.Param("t"))
	line("a", c.Param("a"))
	line("b", c.Param("b"))
	line("c", c.Param("c"))
	if strings.HasPrefix(c.Pattern(), "/many") {
		for i := range manyParams {
			line("p", c.Param(manyNames[i]))
		}
	}
	line("q1", c.Query("q1"))
	line("q2", c.Query("q2"))
	for _, v := range c.QueryAll("m") {
		line("m", v)
	}
	line("ha", c.Header("X-A"))
	line("hb", c.Header("X-B"))
	line("ca", c.Cookie("ca"))
	line("cb", c.Cookie("cb"))
	key, _ := probeKey.Get(c)
	line("key", key)
	if p, ok := probePtr.Get(c); ok {
		line("ptr", p.token)
	}
	kv, _ := c.Local("kv").(string)
	line("kv", kv)
	b = append(append(b, "body="...), c.Body()...)
	*buf = b
	defer probeBuffers.Put(buf)
	return c.Bytes(status, "text/plain", b)
}

var manyNames = func() (names [manyParams]string) {
	for i := range names {
		names[i] = "p" + strconv.Itoa(i)
	}
	return names
}()
