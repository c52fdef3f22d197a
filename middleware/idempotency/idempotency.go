package idempotency

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/store"
)

// Errors of this package, which are answers; test for them with errors.Is.
var (
	// ErrMissing means that a request has no key, where Config.Required wants one: status 400.
	ErrMissing = geist.NewError(400, "the request needs an Idempotency-Key")
	// ErrKey means that the key is malformed, too long, or not the only one: status 400.
	ErrKey = geist.NewError(400, "the Idempotency-Key must be one text of 1 to 255 visible ASCII characters")
	// ErrReused means that the key was that of another request: status 422.
	ErrReused = geist.NewError(422, "the Idempotency-Key was that of another request")
	// ErrRunning means that the request is being carried out: status 409 with Retry-After.
	ErrRunning = geist.NewError(409, "the request with this Idempotency-Key is being carried out")
	// ErrNotKept means that the request was carried out, but its answer was too large to be
	// kept: status 409.
	ErrNotKept = geist.NewError(409, "the request with this Idempotency-Key was carried out; its answer was not kept")
	// ErrStore means that the store has failed: status 503. It wraps the store's error.
	ErrStore = geist.NewError(503, "requests with an Idempotency-Key cannot be carried out now")
)

// manager is the middleware: a Config at work. It never changes.
type manager struct {
	conf  Config
	store store.Store // the scope of keys
}

// New returns the middleware. It panics with what is wrong with a Config, which must have a Scope.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("idempotency: New was given more than one Config: pass one")
	}
	conf = conf.resolve()
	m := &manager{conf: conf, store: conf.Store.Scoped("idempotency")}
	return m.serve
}

// serve is the middleware's handler.
func (m *manager) serve(c *geist.Ctx) error {
	if !slices.Contains(m.conf.Methods, c.Method()) || c.Pattern() == "" {
		return c.Next()
	}
	if len(c.RawHeader().Request.Header.PeekAll("Idempotency-Key")) == 0 {
		if m.conf.Required {
			return ErrMissing
		}
		return c.Next()
	}
	scope, err := m.conf.Scope(c)
	if err != nil {
		return err
	}
	r, err := newRequest(c, scope)
	if err != nil {
		return err
	}
	e, ver, err := m.lock(c.Context(), r)
	switch {
	case errors.Is(err, ErrRunning):
		c.SetHeader("Retry-After", "1")
		return err
	case err != nil:
		return err
	case e != nil:
		return e.replay(c)
	}
	return m.run(c, &run{r, ver})
}

// tries bounds how often an entry is written that others change.
const tries = 8

// lock takes a request's key, and returns the version of the lock; or the answer that was kept, or
// why there is neither.
func (m *manager) lock(ctx context.Context, r *request) (*entry, uint64, error) {
	running, err := entry{Print: r.print, Running: true}.encode()
	if err != nil {
		return nil, 0, err
	}
	var ver uint64 // of what is free: nothing, or an empty entry
	for range tries {
		item, err := m.store.CAS(ctx, r.entry, ver, running, m.conf.LockTTL)
		if err == nil {
			return nil, item.Ver, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, 0, ErrStore.Wrap(err)
		}
		item, err = m.store.Get(ctx, r.entry)
		switch {
		case errors.Is(err, store.ErrNotFound):
			ver = 0
		case err != nil:
			return nil, 0, ErrStore.Wrap(err)
		case len(item.Val) == 0:
			ver = item.Ver
		default:
			e, err := r.judge(item.Val)
			return e, 0, err
		}
	}
	return nil, 0, ErrRunning // others have taken it, and left it, each time
}

// judge says what an entry means for a request with its key.
func (r *request) judge(val []byte) (*entry, error) {
	e, err := decodeEntry(val)
	switch {
	case err != nil:
		return nil, ErrStore.Wrap(err)
	case e.Print != r.print:
		return nil, ErrReused
	case e.Running:
		return nil, ErrRunning
	case e.Status == 0:
		return nil, ErrNotKept
	}
	return e, nil
}

// run is a request that has the lock.
type run struct {
	*request
	ver uint64 // of the lock
}

// run carries a request out, and keeps its answer.
func (m *manager) run(c *geist.Ctx, r *run) error {
	ctx := context.WithoutCancel(c.Context()) // what was done is kept although the client has gone
	returned := false
	defer func() {
		if !returned {
			m.release(ctx, c, r)
		}
	}()
	err := c.Next()
	returned = true
	switch {
	case errors.Is(err, geist.ErrTimeout): // of a hard bound, maybe: the handler goes on, and the lock with it
	case c.Raw().Response.IsBodyStream():
		c.OnClose(func() { m.release(ctx, c, r) })
	case r.repeatable(c.ResponseStatus(), err) || c.Raw().Hijacked():
		m.release(ctx, c, r)
	default:
		m.keep(ctx, c, r)
	}
	return err
}

// repeatable reports whether an answer leaves the key free.
func (r *run) repeatable(status int, err error) bool {
	if _, panicked := errors.AsType[*geist.PanicError](err); panicked || errors.Is(err, geist.ErrAbort) {
		return true
	}
	switch status {
	case 401, 403, 408, 425, 429, geist.StatusClientClosedRequest:
		return true
	}
	return status >= 500 || status >= 400 && r.streamed
}

// keep writes the answer in place of the lock.
func (m *manager) keep(ctx context.Context, c *geist.Ctx, r *run) {
	e := m.answerOf(c, r.print)
	for range tries {
		val, err := e.encode()
		if err == nil {
			_, err = m.store.CAS(ctx, r.entry, r.ver, val, m.conf.TTL)
		}
		switch {
		case err == nil:
			return
		case errors.Is(err, store.ErrTooLarge) && e.Status != 0:
			e = entry{Print: r.print}
			continue
		case errors.Is(err, store.ErrConflict):
			if err = m.relock(ctx, r); err == nil {
				continue
			}
		}
		if errors.Is(err, errTaken) {
			c.Logger().Warn("a request with an Idempotency-Key took longer than LockTTL: its answer is not kept")
		} else {
			c.Logger().Error("the answer to a request with an Idempotency-Key is not kept", "error", err.Error())
		}
		return
	}
	c.Logger().Error("the answer to a request with an Idempotency-Key is not kept: its entry changes all the time")
}

// errTaken means that a key has gone to another request, or has another run's answer.
var errTaken = errors.New("idempotency: the key is another's")

// relock lets a run whose lock has expired keep its answer: if the key is free still, or a
// second run has the lock, which would end later.
func (m *manager) relock(ctx context.Context, r *run) error {
	item, err := m.store.Get(ctx, r.entry)
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.ver = 0
		return nil
	case err != nil:
		return err
	}
	if len(item.Val) > 0 {
		if _, err := r.judge(item.Val); !errors.Is(err, ErrRunning) {
			return errTaken
		}
	}
	r.ver = item.Ver
	return nil
}

// release leaves the key free, if the lock is still ours. An empty entry says so: a deletion
// has no version, and could remove another's lock.
func (m *manager) release(ctx context.Context, c *geist.Ctx, r *run) {
	_, err := m.store.CAS(ctx, r.entry, r.ver, nil, m.conf.LockTTL)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		c.Logger().Error("an Idempotency-Key stays locked", "error", err.Error())
	}
}

// parseKey returns the key in a field: a text in quotes, as the draft has it, or a bare one. No
// escapes are needed, and none known.
func parseKey(field string) (string, bool) {
	if n := len(field); n >= 2 && field[0] == '"' && field[n-1] == '"' {
		field = field[1 : n-1]
	}
	if field == "" || len(field) > 255 {
		return "", false
	}
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' || r == ',' }
	return field, !strings.ContainsFunc(field, bad)
}
