package geist

import (
	"reflect"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// description is what options say about a route for its readers.
type description struct {
	summary, text string
	tags          []string
	deprecated    bool
	hidden        bool
	security      []SecurityInfo
	body          reflect.Type // of Body
	consumes      []string     // of Consumes
	status        int          // of Status; 0 without one
	returns       []ReturnInfo
	emits         []EventInfo
	headers       []HeaderInfo
}

// Summary says in a line what a route does.
func Summary(line string) RouteOption {
	return optionFunc(func(o *routeOptions) { o.summary = line })
}

// Description says at length what a route does. Markdown is understood by most readers
// of OpenAPI.
func Description(text string) RouteOption {
	return optionFunc(func(o *routeOptions) { o.text = text })
}

// Tags names the sections of a description that a route belongs to. Those of its groups
// come first; of one name several times the first counts.
func Tags(names ...string) RouteOption {
	names = slices.Clone(names)
	return optionFunc(func(o *routeOptions) {
		for _, name := range names {
			if !slices.Contains(o.tags, name) {
				o.tags = append(o.tags, name)
			}
		}
	})
}

// Deprecated tells readers of the description not to use a route any more.
func Deprecated() RouteOption {
	return optionFunc(func(o *routeOptions) { o.deprecated = true })
}

// Hidden leaves a route out of descriptions for the public. It is served all the same.
func Hidden() RouteOption {
	return optionFunc(func(o *routeOptions) { o.hidden = true })
}

// Security says that requests of a route must satisfy a scheme, with the scopes if there
// are any. It checks nothing: it is what the middleware that does is described by. A
// route with several needs all of them.
func Security(scheme SecurityScheme, scopes ...string) RouteOption {
	scopes = slices.Clone(scopes)
	return optionFunc(func(o *routeOptions) {
		if problem := scheme.problem(); problem != "" {
			o.problem("Security scheme %q %s", scheme.Name, problem)
			return
		}
		o.security = append(o.security, SecurityInfo{Scheme: scheme, Scopes: scopes})
	})
}

// problem says what is wrong with a scheme, or "".
func (s *SecurityScheme) problem() string {
	switch {
	case !validSchemeName(s.Name):
		return "needs a Name of letters, digits, dots, dashes and underscores"
	case s.Type == "http" && s.Scheme == "":
		return "needs a Scheme, such as bearer"
	case s.Type == "apiKey" && (s.Key == "" || !slices.Contains([]string{"query", "header", "cookie"}, s.In)):
		return "needs a Key, and In to be query, header or cookie"
	case s.Type == "openIdConnect" && s.URL == "":
		return "needs a URL"
	case s.Type == "oauth2" && s.URL == "" && s.TokenURL == "":
		return "needs a URL, a TokenURL or both"
	case !slices.Contains([]string{"http", "apiKey", "oauth2", "openIdConnect", "mutualTLS"}, s.Type):
		return "needs a Type: http, apiKey, oauth2, openIdConnect or mutualTLS"
	}
	return ""
}

// validSchemeName reports whether a name may be a key among OpenAPI's components.
func validSchemeName(name string) bool {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r))
	}
	return name != "" && !strings.ContainsFunc(name, other)
}

// Body says what a plain route binds by [Ctx.Bind]: a T. Its fields are checked at start
// like those of a typed handler, and described; nothing is bound by it. On a route of
// WS or SSE it says what the query, the header and the path are bound to. A
// typed route knows its input: there Body is a mistake that [Engine.Check] reports.
func Body[T any]() RouteOption {
	t := reflect.TypeFor[T]()
	return optionFunc(func(o *routeOptions) { o.body = t })
}

// Consumes says that the handler reads the request's body itself, by [Ctx.Body] or, with
// [StreamBody], by [Ctx.BodyReader], and the media types in which it takes it. It checks
// nothing: what comes as another type, or not at all, is the handler's to refuse. The
// input of a typed handler has then no fields that a body could set.
func Consumes(mediaTypes ...string) RouteOption {
	mediaTypes = slices.Clone(mediaTypes)
	return optionFunc(func(o *routeOptions) {
		for _, media := range mediaTypes {
			if !validMediaType(media) {
				o.problem("Consumes(%q): use a media type in lower case without parameters, such as image/png", media)
				return
			}
		}
		o.consumes = mediaTypes
	})
}

// Produces describes an answer that is no value but bytes, such as a file: its status, 200
// to 599, its media type, and a sentence that says when. Several of one status are
// alternatives.
func Produces(status int, mediaType string, description ...string) RouteOption {
	return optionFunc(func(o *routeOptions) {
		switch {
		case status < 200 || status > 599:
			o.problem("Produces(%d): use a status from 200 to 599", status)
		case !validMediaType(mediaType):
			o.problem("Produces(%q): use a media type in lower case without parameters, such as image/png", mediaType)
		default:
			o.returns = append(o.returns, ReturnInfo{Status: status, ContentTypes: []string{mediaType}, Description: strings.Join(description, " ")})
		}
	})
}

// Status is the status that a typed handler's answer is sent with, 100 to 599 without those
// of 1xx. Without it that is 200, or 204 if there is no output. On a plain route,
// which names its status itself, it is a mistake that [Engine.Check] reports.
func Status(code int) RouteOption {
	return optionFunc(func(o *routeOptions) {
		if code < 200 || code > 599 {
			o.problem("Status(%d): use a status from 200 to 599", code)
			return
		}
		o.status = code
	})
}

// Reply is an answer of a route beside its usual one: a T with a status of its own. As a
// [RouteOption] it describes the answer, and Send gives it, so that the two cannot
// differ. [Returns] makes it. It is a value and safe for many goroutines.
type Reply[T any] struct {
	status      int
	description string
}

// Returns describes an answer of a route: a T sent with a status, and a sentence that
// says when. [Problem] stands for the problem documents of errors with that status,
// [None] for an answer without a body. The status is 200 to 599.
//
//	var queued = geist.Returns[Job](202, "it takes longer")
//
//	geist.Post(app, "/reports", func(c *geist.Ctx, in *NewReport) (*Report, error) {
//		if in.Pages > 100 {
//			return nil, queued.Send(c, enqueue(in))
//		}
//		…
//	}, queued, geist.Returns[geist.Problem](409, "there is one of that name"))
func Returns[T any](status int, description ...string) Reply[T] {
	return Reply[T]{status, strings.Join(description, " ")}
}

func (r Reply[T]) apply(o *routeOptions) {
	if r.status < 200 || r.status > 599 {
		o.problem("Returns(%d): use a status from 200 to 599", r.status)
		return
	}
	o.returns = append(o.returns, returnInfo(reflect.TypeFor[T](), r.status, r.description))
}

// returnInfo describes an answer by its type.
func returnInfo(t reflect.Type, status int, text string) ReturnInfo {
	info := ReturnInfo{Status: status, Type: t, ContentTypes: []string{mimeJSON}, Description: text}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == typeNone || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified:
		info.Type, info.ContentTypes = nil, nil
	case t == typeProblem:
		info.ContentTypes = []string{mimeProblem}
	}
	return info
}

var (
	typeNone    = reflect.TypeFor[None]()
	typeProblem = reflect.TypeFor[Problem]()
)

// Emitted is a kind of message that a route sends: an event of a stream, by its name, or a
// message of a connection. As a [RouteOption] it describes them. [Emits] makes it. It
// is a value and safe for many goroutines.
type Emitted[T any] struct{ event string }

// Emits describes messages of a stream or a connection, whoever publishes them: events
// with that name, or none if it is empty, whose data is a T as JSON.
func Emits[T any](event string) Emitted[T] { return Emitted[T]{event} }

func (e Emitted[T]) apply(o *routeOptions) {
	o.emits = append(o.emits, EventInfo{Name: e.event, Type: reflect.TypeFor[T]()})
}
