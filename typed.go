package geist

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/valyala/fasthttp"
)

// None is the input of a typed handler that takes none, and the output of one that
// answers without a body.
type None struct{}

// Get registers a typed handler for GET, on an engine or a group. Its signature is what
// the engine does and what the route is described by: each request is bound to a new In
// as [Ctx.Bind] does, checked by Config.Validator, and what the handler returns is
// encoded. A request that cannot be bound is answered before the handler runs, with every
// problem at once; an error that the handler returns is answered as that of any other.
//
//	type ListUsers struct {
//		Org   string `path:"org"`
//		Limit int    `query:"limit" default:"20" validate:"max=100"`
//	}
//
//	geist.Get(app, "/orgs/:org/users", func(c *geist.Ctx, in *ListUsers) ([]User, error) {
//		return store.List(c.Context(), in.Org, in.Limit)
//	}, geist.Tags("users"))
//
// # Input
//
// In is a struct, or [None] for a handler that reads what it needs itself. Parts of the
// request are bound after the body, which can set none of their fields. The handler may
// keep what it is given.
//
// # Output
//
// Out is sent as JSON with status 200, or that of [Status]. An Accept field may ask for a
// codec of Config.Codecs in its place, or for XML if Out has xml tags; one that allows
// none of these is answered 406 before the handler runs. A nil slice is sent as [], a nil
// map as {}. A nil pointer or interface says that the handler has answered itself, by a
// [Reply] or by c; if it has not, that is a 500. [None] is no body and status 204.
//
// # Check
//
// [Engine.Check] reports, for every typed route at once: a path tag without its
// parameter, a parameter without a field, tags and options that nobody reads, fields that
// nothing could set, a default that does not fit, validate tags without a
// Config.Validator or with rules that it does not know, and types that cannot be read or
// written.
func Get[In, Out any](r Router, path string, handler func(c *Ctx, in *In) (Out, error), opts ...RouteOption) *Route {
	return addTyped(r, fasthttp.MethodGet, path, handler, opts)
}

// Post registers a typed handler for POST; see [Get].
func Post[In, Out any](r Router, path string, handler func(c *Ctx, in *In) (Out, error), opts ...RouteOption) *Route {
	return addTyped(r, fasthttp.MethodPost, path, handler, opts)
}

// Put registers a typed handler for PUT; see [Get].
func Put[In, Out any](r Router, path string, handler func(c *Ctx, in *In) (Out, error), opts ...RouteOption) *Route {
	return addTyped(r, fasthttp.MethodPut, path, handler, opts)
}

// Patch registers a typed handler for PATCH; see [Get]. Fields of type [Opt] tell what
// was sent from what was not.
func Patch[In, Out any](r Router, path string, handler func(c *Ctx, in *In) (Out, error), opts ...RouteOption) *Route {
	return addTyped(r, fasthttp.MethodPatch, path, handler, opts)
}

// Delete registers a typed handler for DELETE; see [Get].
func Delete[In, Out any](r Router, path string, handler func(c *Ctx, in *In) (Out, error), opts ...RouteOption) *Route {
	return addTyped(r, fasthttp.MethodDelete, path, handler, opts)
}

// signature is the types of a typed handler.
type signature struct{ in, out reflect.Type }

func addTyped[In, Out any](r Router, method, path string, handler func(*Ctx, *In) (Out, error), opts []RouteOption) *Route {
	var handlers []Handler
	if handler != nil {
		handlers = []Handler{typedHandler(handler)}
	}
	route := r.base().add([]string{method}, path, handlers)
	route.shown = handler
	route.typed = &signature{reflect.TypeFor[In](), reflect.TypeFor[Out]()}
	return route.Doc(opts...)
}

// typedHandler returns what binds, calls and answers.
func typedHandler[In, Out any](handler func(*Ctx, *In) (Out, error)) Handler {
	return func(c *Ctx) error {
		c.check()
		p := c.ep.options.plan
		form, err := p.prefer(c)
		if err != nil {
			return err
		}
		in := new(In)
		if p.input != nil {
			if err := c.bind(p.input, in, reflect.ValueOf(in).Elem()); err != nil {
				return err
			}
		}
		out, err := handler(c, in)
		switch {
		case err != nil:
			return err
		case c.replied:
			return p.afterReply(c, isZero(out))
		case p.direct:
			return p.answer(c, form, out)
		}
		return p.answer(c, form, addressOf(out))
	}
}

// addressOf puts an output where its encoder can call methods of its pointer.
func addressOf[Out any](out Out) any { return &out }

func isZero[Out any](out Out) bool { return reflect.ValueOf(&out).Elem().IsZero() }

// typedPlan is what a typed route does with each request. It is frozen once compiled.
type typedPlan struct {
	input  *fieldTable // nil without an input
	status int
	empty  bool    // there is no output
	direct bool    // outputs are pointers, or alike: they are encoded as they are
	offers []offer // what an output is encoded in, JSON first; none without
	many   bool    // it is a slice or a map
}

// newTypedPlan decides what a signature and options mean.
func newTypedPlan(set *settings, s *signature, o *routeOptions) *typedPlan {
	p := &typedPlan{status: o.status}
	switch s.out.Kind() {
	case reflect.Pointer, reflect.Interface:
		p.direct = true
	case reflect.Slice, reflect.Map:
		p.many = true
	default:
	}
	p.empty = returnInfo(s.out, fasthttp.StatusOK, "").Type == nil
	switch {
	case p.empty:
		p.status = orDefault(p.status, fasthttp.StatusNoContent)
	default:
		p.status = orDefault(p.status, fasthttp.StatusOK)
		p.offers = typedOffers(set, s.out)
	}
	return p
}

// typedOffers lists the media types that a type is sent in: those of Negotiate, without
// texts, and without XML for a type that says nothing about it.
func typedOffers(set *settings, out reflect.Type) (offers []offer) {
	xml := hasXMLTags(out)
	for _, o := range set.offers {
		_, isXML := o.codec.(xmlCodec)
		if encode, _ := supports(o.codec, out); encode && !o.text && (!isXML || xml && o.media != mimeTextXML) {
			offers = append(offers, o)
		}
	}
	return offers
}

// hasXMLTags reports whether a struct, or what a pointer leads to, has xml tags.
func hasXMLTags(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if hasXMLName(t.Field(i).Tag) {
			return true
		}
	}
	return false
}

// prefer returns which of the offers the client likes best. It is asked before anything
// is done, so that a 406 has done nothing.
func (p *typedPlan) prefer(c *Ctx) (form int, err error) {
	if len(p.offers) > 1 {
		c.addVary(fasthttp.HeaderAccept)
	}
	switch string(c.rc.Request.Header.PeekCanonical(headerAccept)) {
	case "", "*/*", mimeJSON:
		return 0, nil
	}
	if p.empty {
		return 0, nil
	}
	return p.choose(c, 0)
}

// choose is prefer without the usual cases, and without the offers whose bits are set.
func (p *typedPlan) choose(c *Ctx, refused uint64) (form int, err error) {
	var few [usualOffers]rank
	ranks := few[:]
	if len(p.offers) > len(few) {
		ranks = make([]rank, len(p.offers))
	}
	ranks = ranks[:len(p.offers)]
	if !readAccept(c.rc.Request.Header.PeekAll(fasthttp.HeaderAccept), p.offers, ranks) {
		for i := range ranks {
			ranks[i].weight = fullWeight
		}
	}
	for i := range ranks {
		if refused&(1<<i) != 0 {
			ranks[i] = rank{refused: true}
		}
	}
	if form = choose(p.offers, ranks, nil); form < 0 {
		return form, notAcceptable(p.offers, ranks, nil)
	}
	return form, nil
}

// answer sends what a handler has returned.
func (p *typedPlan) answer(c *Ctx, form int, v any) error {
	if p.empty {
		return p.answerEmpty(c)
	}
	if p.direct && isNil(v) {
		if c.answered() {
			return nil
		}
		return errNoOutput
	}
	if p.many && reflect.ValueOf(v).Elem().IsNil() {
		v = emptyOf(reflect.TypeOf(v).Elem())
	}
	refused := uint64(0)
	for {
		err := c.encode(p.offers[form].codec, p.status, p.offers[form].content, v)
		if err == nil || form == 0 || !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		refused |= 1 << form
		if form, err = p.choose(c, refused); err != nil {
			return err
		}
	}
}

// answerEmpty sends no body, unless the handler has answered.
func (p *typedPlan) answerEmpty(c *Ctx) error {
	if !c.answered() {
		c.setStatus(p.status)
		c.rc.Response.Header.SetContentTypeBytes(nil)
	}
	return nil
}

// afterReply is the end of a handler that has sent a Reply.
func (p *typedPlan) afterReply(c *Ctx, zero bool) error {
	if zero {
		return nil
	}
	return fmt.Errorf("geist: the handler of %s has sent a Reply and returned an output, too: return the zero value beside a Reply", c.Pattern())
}

var errNoOutput = errors.New("geist: a typed handler returned nil, without an error and without an answer: return an error, or answer by a Reply")

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// emptyOf returns a slice or map of a type that is not nil.
func emptyOf(t reflect.Type) any {
	if t.Kind() == reflect.Map {
		return reflect.MakeMap(t).Interface()
	}
	return reflect.MakeSlice(t, 0, 0).Interface()
}

// Send answers with v and the reply's status, in JSON; a [Problem] as a problem document.
// A typed handler returns the zero output beside what Send returns:
//
//	return nil, queued.Send(c, job)
//
// For a status of 400 and above that is an [Error] of this status, which has been
// answered already: middleware sees it, and no error handler is asked. Below, it is nil.
// Under -race and -tags geistdebug a reply that is not among the options of the route is
// an error of status 500: descriptions do not know it.
func (r Reply[T]) Send(c *Ctx, v T) error {
	c.check()
	info := returnInfo(reflect.TypeFor[T](), r.status, "")
	if debugCtx && !c.returns(info) {
		return fmt.Errorf("geist: %s answers %d with %s, which its options do not tell: add the Returns that was sent", c.Pattern(), r.status, reflect.TypeFor[T]())
	}
	if info.Type == nil {
		c.rc.Response.ResetBody()
		c.setStatus(r.status)
		c.rc.Response.Header.SetContentTypeBytes(nil)
	} else if err := c.encode(c.codec(), r.status, info.ContentTypes[0], v); err != nil {
		return err
	}
	c.replied = true
	if r.status < fasthttp.StatusBadRequest {
		return nil
	}
	c.failure = NewError(r.status, "")
	return c.failure
}

// returns reports whether the route has an option for an answer.
func (c *Ctx) returns(info ReturnInfo) bool {
	return c.ep != nil && c.ep.options != nil && slices.ContainsFunc(c.ep.options.returns, func(r ReturnInfo) bool {
		return r.Status == info.Status && r.Type == info.Type && (r.Type == nil) == (len(r.ContentTypes) == 0)
	})
}
