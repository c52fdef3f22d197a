package geist

import "reflect"

// RouteKind says what a route answers with.
type RouteKind uint8

const (
	// RouteHTTP is a route of handlers: GET, Handle, Get, Resource and the like.
	RouteHTTP RouteKind = iota
	// RouteWebSocket is a route of WS: an upgrade to a connection of messages.
	RouteWebSocket
	// RouteEvents is a route of SSE: a stream of events.
	RouteEvents
	// RouteFiles is a route of Static or StaticFS, whose pattern ends in a wildcard.
	RouteFiles
	// RouteRooms is a route of Rooms, where clients speak the protocol geist.v1: GET opens
	// a WebSocket or a stream of events, POST takes commands.
	RouteRooms
)

// String returns http, websocket, events, files or rooms.
func (k RouteKind) String() string {
	switch k {
	case RouteHTTP:
		return "http"
	case RouteWebSocket:
		return "websocket"
	case RouteEvents:
		return "events"
	case RouteFiles:
		return "files"
	case RouteRooms:
		return "rooms"
	}
	return "unknown"
}

// RouteInfo describes one route, as [Engine.Routes] lists it and hooks receive it. It
// holds all that a description of the service is made of. Its slices are shared: do not
// write to them.
type RouteInfo struct {
	// Method is the request method. A route registered by Any is listed once for each.
	Method string
	// Host is the host pattern, empty for every host.
	Host string
	// Pattern is the path pattern with the prefixes of its groups and mounts.
	Pattern string
	// Name is the route's name, or empty. Unique among the routes of an engine, but a
	// route with several methods is listed under one name several times.
	Name string
	// Params are the names of the parameters in the order of the pattern.
	Params []string
	// Constraints are those of the parameters, one to one with Params, as the pattern
	// spells them and separated by spaces: "int", "min(1)", "len(2,5)", or empty.
	Constraints []string
	// OptionalParam is true if the last parameter may be left out.
	OptionalParam bool
	// Handler is the name of the endpoint's function, for display.
	Handler string
	// Middleware is how many handlers run before the endpoint.
	Middleware int
	// Source is the place of the registration: file.go:line.
	Source string

	// Kind says what the route answers with.
	Kind RouteKind
	// Summary is the text of [Summary], a line; empty without one.
	Summary string
	// Description is the text of [Description], which may be long; empty without one.
	Description string
	// Tags are the names given by [Tags], those of the groups first, each once.
	Tags []string
	// Deprecated reports the option [Deprecated].
	Deprecated bool
	// Hidden reports the option [Hidden]: descriptions for the public leave the route out.
	Hidden bool
	// Security lists the schemes that a request must satisfy, all of them, in the order of
	// their options.
	Security []SecurityInfo

	// Typed reports that the engine itself binds Input and encodes the answer: the route
	// was registered by [Get], [Post] and the like.
	Typed bool
	// Input is the type that the request is bound to: the input of a typed handler, or the
	// type given to [Body]. Nil if nothing is known, and for [None].
	Input reflect.Type
	// Fields are what a request can set in Input, a line for each field and source, in
	// the order of the struct. Empty without an Input, and for one that is no struct.
	Fields []FieldInfo
	// Body lists the media types that the body is read in, the preferred first. Empty if
	// none is read. A codec of Config.Codecs is listed by its name.
	Body []string
	// RawBody reports the option [Consumes]: the handler reads the body itself, and Input
	// says nothing about it.
	RawBody bool
	// BodyRequired is true if a request without a body is refused.
	BodyRequired bool
	// Returns are the answers that are known, in order of status. That of a typed route comes
	// by its signature. Two of one status are alternatives.
	Returns []ReturnInfo
	// Headers are the header fields of answers that [Sets] describes, in the order of
	// the options.
	Headers []HeaderInfo
	// Problems are the statuses, in order, of the problem documents ([Problem]) that the
	// engine itself answers bad requests of a typed route with: of 400, 406, 413, 415 and 422
	// those that can occur.
	Problems []int
	// Emits are the messages that the server sends on a stream or connection.
	Emits []EventInfo
	// Receives are the messages that a client sends on a connection.
	Receives []EventInfo
}

// FieldInfo is a field of an input, as one part of a request sets it.
type FieldInfo struct {
	// Name is the name there: of the parameter, the form field, or the key in the
	// document.
	Name string
	// In is the part of the request: path, host (the label of a host pattern), query,
	// header, cookie, form or body. Fields
	// with a form tag are in query for GET and HEAD, where forms are read from the query.
	// In is body for a key of the outermost object of a document. Inside documents the
	// rule is the same at every level: a field that has one of the tags path, uri,
	// query, header, cookie and form, and no json tag, is not part of it.
	In string
	// Path is the field in Go, from the input: "Page.Limit".
	Path string
	// Index is the same for reflect.Value.FieldByIndex.
	Index []int
	// Type is the field's type.
	Type reflect.Type
	// Tag is the whole tag, with validate among others.
	Tag reflect.StructTag
	// Required is true if a request without the field is refused: it has the tag
	// binding:"required" or a rule required in its validate tag, or is a parameter of the path
	// that cannot be left out.
	Required bool
	// Default is the text of the default, which is split at commas for slices; HasDefault
	// tells an empty one from none.
	Default string
	// HasDefault reports that there is a default.
	HasDefault bool
	// Layout is how a time.Time is written, as the layout tag says: a layout of package
	// time, or unix, unixmilli, unixmicro, unixnano. Empty means RFC 3339.
	Layout string
	// Comma reports that a list is one text with commas, not a parameter repeated.
	Comma bool
	// Doc is the text of the doc tag.
	Doc string
	// Example is the text of the example tag.
	Example string
	// Deprecated reports the tag deprecated:"true".
	Deprecated bool
	// Validate is the text of the validate tag.
	Validate string
}

// ReturnInfo is one answer of a route.
type ReturnInfo struct {
	// Status is the status code.
	Status int
	// Type is the type of what is sent; nil if the answer has no body, or one that is no
	// value but bytes.
	Type reflect.Type
	// ContentTypes are the media types that it is sent in, the preferred first; empty
	// without a body.
	ContentTypes []string
	// Description is a sentence, or empty.
	Description string
}

// HeaderInfo is a header field of a route's answers.
type HeaderInfo struct {
	// Name is the field's name.
	Name string
	// Type is the type of its value, which is sent as text.
	Type reflect.Type
	// Description is a sentence, or empty.
	Description string
	// Statuses are those of the answers; empty means every one below 400.
	Statuses []int
	// Always reports that none of these answers lacks the field.
	Always bool
}

// EventInfo is one kind of message of a stream or connection.
type EventInfo struct {
	// Name is the event's name; empty for messages without one.
	Name string
	// Type is the type of its data, which is sent as JSON.
	Type reflect.Type
}

// SecurityInfo is a scheme that a request must satisfy.
type SecurityInfo struct {
	// Scheme says how clients authenticate.
	Scheme SecurityScheme
	// Scopes are what the client must be allowed to do; empty if nothing beyond being
	// known.
	Scopes []string
}

// SecurityScheme describes how clients authenticate, in the words of OpenAPI. It only
// describes: middleware does the work, and hands its scheme out as a [RouteOption] made
// by [Security].
type SecurityScheme struct {
	// Name names the scheme in descriptions, such as "bearer". Schemes of one name must
	// be equal within an engine.
	Name string
	// Type is http, apiKey, oauth2, openIdConnect or mutualTLS.
	Type string
	// Description is a text for the reader, or empty.
	Description string
	// Scheme is the scheme of the Authorization field for http: basic, bearer.
	Scheme string
	// BearerFormat hints at the form of a bearer token, such as JWT; it may be empty.
	BearerFormat string
	// In is where an apiKey stands: query, header or cookie.
	In string
	// Key is the name of that parameter, field or cookie.
	Key string
	// URL is the discovery document for openIdConnect, the authorization endpoint for
	// oauth2.
	URL string
	// TokenURL is the token endpoint for oauth2.
	TokenURL string
	// Scopes describes the scopes that oauth2 knows, by name.
	Scopes map[string]string
}
