package geist

import (
	"errors"
	"iter"
	"reflect"
)

// WS registers a route for WebSockets whose messages have types: a client's are JSON
// texts that become an In, the server's are an Out. See [Engine.WS] for the connection.
// In is any type that JSON can become; as a struct it is bound and checked like the
// document of a request, but has no fields from elsewhere. [None] stands for a direction
// in which nothing is sent.
func WS[In, Out any](r Router, path string, handler func(c *Ctx, ch *Channel[In, Out]) error, opts ...RouteOption) *Route {
	var plain func(*Ctx, *Conn) error
	if handler != nil {
		plain = func(c *Ctx, ws *Conn) error { return handler(c, &Channel[In, Out]{Conn: ws, c: c}) }
	}
	route := r.base().WS(path, plain, opts...)
	route.shown = handler
	route.messages = &signature{reflect.TypeFor[In](), reflect.TypeFor[Out]()}
	return route
}

// Channel is a WebSocket whose messages have types. It is its [Conn], with all that this
// can do: a hub knows it as a Subscriber. Write may be called by many goroutines at
// once, Read and All by one, which is the handler's.
type Channel[In, Out any] struct {
	*Conn

	c       *Ctx
	binding *binding // made by the first Read
}

// Read waits for the next message and returns what it says. It fails with a
// *[CloseError] once the connection has ended or is closing. A message that is no JSON
// text, or whose fields are wrong, gives an [Error] of status 400, 415 or 422, with
// [FieldErrors] if they are to blame: the connection goes on unless the handler
// returns it, which closes it with 1008.
func (ch *Channel[In, Out]) Read() (In, error) {
	var in, zero In
	m, err := ch.Conn.Read()
	if err != nil {
		return zero, err
	}
	if m.Type != TextMessage {
		return zero, errMessageType415
	}
	t, err := ch.c.server.table(reflect.TypeFor[In]())
	if err != nil {
		return zero, err
	}
	if ch.binding == nil {
		ch.binding = &binding{c: ch.c}
	}
	if err := ch.binding.bindMessage(t, &in, reflect.ValueOf(&in).Elem(), m.Data); err != nil {
		return zero, err
	}
	return in, nil
}

var errMessageType415 = NewError(415, "messages are text, not binary")

// Write sends a message; see [Conn.Write].
func (ch *Channel[In, Out]) Write(v Out) error { return ch.WriteJSON(v) }

// All yields the messages until the connection ends. A message that Read would refuse is
// yielded as its error, after which the loop may go on. An end other than
// [CloseNormal] and [CloseGoingAway] is yielded as the last pair.
//
//	for m, err := range ch.All() {
//		if err != nil {
//			return err
//		}
//		…
//	}
//	return nil
func (ch *Channel[In, Out]) All() iter.Seq2[In, error] {
	return func(yield func(In, error) bool) {
		for {
			in, err := ch.Read()
			end, over := errors.AsType[*CloseError](err)
			over = over || errors.Is(err, ErrNotWebSocket)
			if over && end != nil && harmless(end) {
				return
			}
			if !yield(in, err) || over {
				return
			}
		}
	}
}

// SSE registers a stream of Server-Sent Events whose events are an Out, as JSON and
// without a name. See [Engine.SSE] for the stream. Events that have names, or
// types of their own, are sent and described by [Emits].
func SSE[Out any](r Router, path string, handler func(c *Ctx, s *Events[Out]) error, opts ...RouteOption) *Route {
	var plain func(*Ctx, *Stream) error
	if handler != nil {
		plain = func(c *Ctx, s *Stream) error { return handler(c, &Events[Out]{s}) }
	}
	route := r.base().SSE(path, plain, opts...)
	route.shown = handler
	route.messages = &signature{typeNone, reflect.TypeFor[Out]()}
	return route
}

// Events is a stream whose events have a type. It is its [Stream], with all that this can
// do. Write may be called by many goroutines at once.
type Events[Out any] struct{ *Stream }

// Write sends an event; see [Stream.Send].
func (s *Events[Out]) Write(v Out) error { return s.SendJSON("", v) }

// Send sends an event on a stream, with its name; see [Stream.Send]. Messages of
// connections are sent by [Channel.Write] and by hubs.
func (e Emitted[T]) Send(s *Stream, v T) error { return s.SendJSON(e.event, v) }
