package geist

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
	"github.com/gogeist/geist/internal/wsproto"
)

// Rooms registers a route on which clients speak the protocol geist.v1 (docs/protocol.md):
// they join rooms of h, publish to them and resume, as far as the policy of each lets
// them. GET opens a WebSocket or, if the client accepts text/event-stream, a stream of
// events; POST takes the commands of a stream, which its field Geist-Stream names.
//
// policy runs behind the middleware, in the request phase of a GET; an error is its answer.
// The Ctx lives as long as the connection, so that the functions of the policy may use it.
// Middleware runs for POST, too: what it refuses is not taken. [Conn.Serve] tells the rest,
// Origins and Compression work as for WS, and BodyLimit bounds a POST.
//
// A GET for neither is answered 426, one for another version of the protocol 406. A POST
// is answered 202 when its commands have been taken; 404 if there is no such stream, 415
// if it is not application/json, 400 or 413 if it cannot be taken.
//
// Rooms of several processes are one by the hub's Backplane; in those of [Engine.ListenPrefork]
// a hub without one is an error at start. A POST must reach the process that has its stream, by
// a balancer that keeps clients apart: among the children of ListenPrefork nothing does, there
// only WebSockets are sure to work.
func (s *scope) Rooms(path string, h *hub.Hub, policy func(c *Ctx) (hub.Policy, error), opts ...RouteOption) *Route {
	r := s.add([]string{fasthttp.MethodGet, fasthttp.MethodPost}, path, []Handler{roomsHandler(h, policy)})
	r.options = slices.Clone(opts)
	r.rooms = true
	if policy != nil {
		r.shown = policy
	}
	if h == nil || policy == nil {
		r.options = append(r.options, optionFunc(func(o *routeOptions) {
			o.problem("Rooms was given a nil hub or a nil policy: pass both")
		}))
	} else if IsPreforkChild() && !h.Clustered(hubwire.Key{}) {
		r.options = append(r.options, optionFunc(func(o *routeOptions) {
			o.problem("Rooms in a process of ListenPrefork was given a hub without a Backplane, whose clients would not reach those of the other processes: give hub.Config a Backplane, or use Run")
		}))
	}
	return r
}

// roomsHandler returns what answers on a route of Rooms.
func roomsHandler(h *hub.Hub, policy func(c *Ctx) (hub.Policy, error)) Handler {
	socket := upgradeHandler(func(c *Ctx, ws *Conn) error {
		s, err := ws.converseBy(c, h, policy)
		if err != nil {
			return err
		}
		return ws.obey(s)
	})
	stream := streamHandler(func(c *Ctx, s *Stream) error {
		p, err := policy(c)
		if err != nil {
			return err
		}
		return s.Serve(h, p)
	})
	return func(c *Ctx) error {
		upgrade := wsproto.HasToken(headerLines(&c.rc.Request.Header, fasthttp.HeaderUpgrade), "websocket")
		if version := c.Query("protocol"); version != "" && version != roomwire.Protocol && !upgrade {
			return errProtocol
		}
		switch {
		case c.rc.IsPost():
			return takeFrames(c)
		case !upgrade && acceptsEvents(c):
			return stream(c)
		}
		return socket(c)
	}
}

// converseBy begins to speak with a client whose policy is asked for first.
//
//go:noinline
func (w *Conn) converseBy(c *Ctx, h *hub.Hub, policy func(c *Ctx) (hub.Policy, error)) (*session, error) {
	p, err := policy(c)
	if err != nil {
		return nil, err
	}
	return w.converse(h, &p)
}

// acceptsEvents reports whether a request asks for a stream of events.
func acceptsEvents(c *Ctx) bool {
	return strings.Contains(strings.ToLower(c.Header(fasthttp.HeaderAccept)), "text/event-stream")
}

// streamField is the header field of a POST that names the stream.
const streamField = "Geist-Stream"

// What a request is answered that cannot be taken.
var (
	errProtocol     = NewError(fasthttp.StatusNotAcceptable, "only geist.v1 is spoken")
	errNoStreamKey  = NewError(fasthttp.StatusBadRequest, "the field Geist-Stream is missing")
	errNoSuchStream = NewError(fasthttp.StatusNotFound, "there is no such stream")
	errNotFrames    = NewError(fasthttp.StatusBadRequest, "the body is not an array of frames")
	errFramesType   = NewError(fasthttp.StatusUnsupportedMediaType, "the body must be application/json")
	errFrameTooLong = NewError(fasthttp.StatusRequestEntityTooLarge, "a frame is too long")
)

// takeFrames takes the commands of a stream.
func takeFrames(c *Ctx) error {
	key := c.Header(streamField)
	if key == "" {
		return errNoStreamKey
	}
	if kind, _, _ := strings.Cut(c.Header(fasthttp.HeaderContentType), ";"); !equalFold(strings.TrimSpace(kind), mimeJSON) {
		return errFramesType
	}
	s := c.server.live.sessions.stream(key)
	if s == nil || s.pattern != c.Pattern() || s.engine != c.engine {
		return errNoSuchStream
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	frames, ok := roomwire.Split(bytes.Clone(body)) // commands may be kept
	if !ok {
		return errNotFrames
	}
	for frame := range frames {
		if len(frame) > s.policy.MaxFrame {
			return errFrameTooLong
		}
	}
	switch err := s.enter(c.Context()); {
	case errors.Is(err, errSessionOver):
		return errNoSuchStream
	case err != nil:
		return err
	}
	s.leave() // at once: what expires, or Recheck, need not wait for a whole POST
	for frame := range frames {
		if s.isOver() {
			break // it has said bye
		}
		s.handle(roomwire.Parse(frame))
	}
	c.rc.Response.SetStatusCode(fasthttp.StatusAccepted)
	return nil
}
