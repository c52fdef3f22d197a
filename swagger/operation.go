package swagger

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gogeist/geist"
)

const (
	mimeJSON      = "application/json"
	mimeProblem   = "application/problem+json"
	mimeForm      = "application/x-www-form-urlencoded"
	mimeMultipart = "multipart/form-data"
	mimeEvents    = "text/event-stream"
)

// operation describes a route.
func (b *builder) operation(r *route, d dialect) *object {
	o := obj("tags", list(r.tags), "summary", r.title(), "description", r.Description, "operationId", r.id)
	if r.Description == "" {
		o.set("description", o.get("summary"))
	}
	o.add("deprecated", r.Deprecated)
	o.add("parameters", b.parameters(r))
	o.add("requestBody", b.requestBody(r))
	o.set("responses", b.responses(r, d))
	o.set("security", securityOf(r))
	if r.Host != "" {
		o.set("servers", []any{hostServer(r.Host)})
	}
	if r.live() {
		o.set("x-asyncapi-channel", r.id)
	}
	return o
}

// hostServer describes the host of a route.
func hostServer(host string) *object {
	server := obj("url", "https://"+host)
	if open := strings.IndexByte(host, '{'); open >= 0 {
		end := strings.IndexByte(host, '}')
		server.set("variables", obj(host[open+1:end], obj("default", host[open+1:end])))
	}
	return server
}

// parameters lists what a request says beside its body.
func (b *builder) parameters(r *route) []any {
	var all []any
	for i := range r.params {
		all = append(all, b.pathParameter(r, i))
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.In {
		case "query", "header", "cookie":
		default:
			continue
		}
		if f.In == "header" && reservedHeader(f.Name) {
			continue // documents say these otherwise: by content and by security
		}
		schema := b.text(f, place(r, f))
		p := obj("name", f.Name, "in", f.In)
		p.add("description", f.Doc)
		p.add("required", f.Required || b.mustSend(r, f))
		p.add("deprecated", f.Deprecated)
		if f.In == "query" && isArray(schema) {
			p.set("style", "form")
			p.set("explode", !f.Comma)
		}
		p.set("schema", schema)
		all = append(all, p)
	}
	return all
}

// pathParameter describes a parameter of the path: by the field that it is bound to, and by
// its constraints.
func (b *builder) pathParameter(r *route, i int) *object {
	var schema *object
	p := obj("name", r.shown[i], "in", "path")
	for j := range r.Fields {
		if f := &r.Fields[j]; f.In == "path" && f.Name == r.params[i] {
			schema = b.text(f, place(r, f))
			p.add("description", f.Doc)
			p.set("required", true)
			p.add("deprecated", f.Deprecated)
		}
	}
	p.set("required", true)
	constraints := ""
	if i < len(r.Constraints) {
		constraints = r.Constraints[i]
	}
	if strings.HasSuffix(r.Pattern, "*"+r.params[i]) && p.get("description") == nil {
		p.set("description", "The rest of the path; it may hold slashes.")
	}
	p.set("schema", constrained(schema, constraints))
	return p
}

func place(r *route, f *geist.FieldInfo) string {
	return r.Method + " " + r.Pattern + " (" + r.Source + "): field " + f.Path
}

// mustSend reports whether rules refuse a parameter that is not sent.
func (b *builder) mustSend(r *route, f *geist.FieldInfo) bool {
	return !f.HasDefault && f.Validate != "" && b.schemas.rules(place(r, f), f.Type, f.Validate, false).required
}

// reservedHeader reports whether OpenAPI says that a parameter of that name is ignored.
func reservedHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Content-Type", "Authorization":
		return true
	}
	return false
}

func isArray(schema *object) bool { return schema.get("type") == "array" }

// requestBody describes the body, or returns nil.
func (b *builder) requestBody(r *route) any {
	if len(r.Body) == 0 || r.Input == nil {
		return nil
	}
	content := &object{}
	for _, media := range r.Body {
		switch {
		case media == mimeForm || media == mimeMultipart:
			content.set(media, b.form(r))
		case isJSON(media):
			content.set(media, obj("schema", b.schemas.top(r.Input, input)))
		default:
			content.set(media, &object{}) // a codec's own form
		}
	}
	o := obj("content", content)
	o.add("required", r.BodyRequired)
	return o
}

func isJSON(media string) bool { return media == mimeJSON || strings.HasSuffix(media, "+json") }

// form describes the fields of a form.
func (b *builder) form(r *route) *object {
	properties := &object{}
	encoding := &object{}
	var required []string
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.In != "form" {
			continue
		}
		schema := b.text(f, place(r, f))
		properties.set(f.Name, withNotes(schema, doc(f)))
		if f.Required || b.mustSend(r, f) {
			required = append(required, f.Name)
		}
		if isArray(schema) && f.Comma {
			encoding.set(f.Name, obj("style", "form", "explode", false))
		}
	}
	schema := obj("type", "object", "properties", properties)
	schema.add("required", list(required))
	o := obj("schema", schema)
	o.add("encoding", encoding)
	return o
}

// responses describes the answers.
func (b *builder) responses(r *route, d dialect) *object {
	o := &object{}
	switch r.Kind {
	case geist.RouteWebSocket:
		o.set("101", obj("description", "The connection is a WebSocket from now on."))
		b.addProblem(o, http.StatusUpgradeRequired)
		o.set("default", obj("description", "The connection is refused.", "content", b.problemContent()))
	case geist.RouteEvents:
		o.set("200", obj("description", "A stream of events.", "content", obj(mimeEvents, b.events(r, d))))
	case geist.RouteRooms:
		if r.Method == http.MethodPost {
			o.set("202", obj("description", "The commands have been taken."))
			break
		}
		o.set("101", obj("description", "The connection is a WebSocket from now on, which speaks "+roomsProtocol+"."))
		o.set("200", obj("description", "A stream of events of "+roomsProtocol+".", "content", obj(mimeEvents, &object{})))
		b.addProblem(o, http.StatusUpgradeRequired)
	case geist.RouteFiles:
		o.set("200", obj("description", "A file.", "content", obj("*/*", &object{})))
		b.addProblem(o, http.StatusNotFound)
	}
	for _, ret := range r.Returns {
		b.addReturn(o, ret, r.Typed)
	}
	if r.Kind == geist.RouteHTTP && !hasStatus(o, '2') && !hasStatus(o, '3') {
		o.set("2XX", obj("description", "What the handler answers with."))
	}
	for _, status := range r.Problems {
		b.addProblem(o, status)
	}
	if len(r.Security) > 0 {
		b.addProblem(o, http.StatusUnauthorized)
		if slices.ContainsFunc(r.Security, func(s geist.SecurityInfo) bool { return len(s.Scopes) > 0 }) {
			b.addProblem(o, http.StatusForbidden)
		}
	}
	if len(r.params) > 0 && strings.Join(r.Constraints, "") != "" {
		b.addProblem(o, http.StatusNotFound)
	}
	if !hasStatus(o, '4') {
		o.set("4XX", obj("description", "The request is refused.", "content", b.problemContent()))
	}
	sortStatuses(o)
	return o
}

// hasStatus reports whether there is an answer of a class.
func hasStatus(responses *object, class byte) bool {
	return slices.ContainsFunc(responses.names, func(s string) bool { return s[0] == class })
}

// addReturn adds an answer that is known, beside others of its status. Typed routes send
// nil slices and maps as empty ones.
func (b *builder) addReturn(responses *object, ret geist.ReturnInfo, typed bool) {
	response := responses.child(decimal(ret.Status))
	if response.get("description") == nil {
		response.set("description", statusText(ret.Status))
	}
	if ret.Description != "" {
		response.set("description", ret.Description)
	}
	if ret.Type == nil {
		return
	}
	content := response.child("content")
	for _, media := range ret.ContentTypes {
		if !isJSON(media) {
			content.child(media)
			continue
		}
		schema := b.schemas.top(ret.Type, output)
		if kind := ret.Type.Kind(); typed && (kind == reflect.Slice || kind == reflect.Map) {
			schema = b.schemas.core(ret.Type, output)
		}
		if old, ok := content.child(media).get("schema").(*object); ok {
			schema = either(old, schema)
		}
		content.child(media).set("schema", schema)
	}
}

// either returns a schema of which one of two holds.
func either(a, b *object) *object {
	all, _ := a.get("anyOf").([]any)
	if a.len() != 1 || all == nil {
		all = []any{a}
	}
	for _, known := range all {
		if o, ok := known.(*object); ok && o.get("$ref") != nil && o.get("$ref") == b.get("$ref") {
			return a
		}
	}
	return obj("anyOf", append(slices.Clip(all), b))
}

// addProblem adds the problem document of a status that the engine answers by itself.
func (b *builder) addProblem(responses *object, status int) {
	response := responses.child(decimal(status))
	if response.get("description") == nil {
		response.set("description", statusText(status))
	}
	if content := response.child("content"); content.get(mimeProblem) == nil {
		content.set(mimeProblem, b.problemContent().get(mimeProblem))
	}
}

// problemContent is the body of an answer that is a problem document.
func (b *builder) problemContent() *object {
	return obj(mimeProblem, obj("schema", b.schemas.ref(typeProblem, output)))
}

// statusText describes a status for which the application has no sentence.
func statusText(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "The request cannot be read."
	case http.StatusUnauthorized:
		return "The client is not known."
	case http.StatusForbidden:
		return "The client may not do this."
	case http.StatusNotFound:
		return "There is nothing here."
	case http.StatusNotAcceptable:
		return "There is no form that the client accepts."
	case http.StatusRequestEntityTooLarge:
		return "The body is too long."
	case http.StatusUnsupportedMediaType:
		return "The body has a media type that is not read here."
	case http.StatusUnprocessableEntity:
		return "Fields of the request are invalid: errors lists them."
	case http.StatusUpgradeRequired:
		return "The request does not ask for a WebSocket."
	}
	if text := http.StatusText(status); text != "" {
		return text + "."
	}
	return "Status " + decimal(status) + "."
}

// sortStatuses orders answers by status, ranges behind the statuses of their class.
func sortStatuses(o *object) {
	sorted := &object{}
	for _, name := range slices.Sorted(slices.Values(o.names)) {
		sorted.set(name, o.get(name))
	}
	*o = *sorted
}

// events describes the body of a stream of events: in 3.1 by the data of an event, which is
// what generated clients hand out; in 3.2 by the event with its data in it.
func (b *builder) events(r *route, d dialect) *object {
	data := obj("type", "string")
	envelopes := []any{}
	for i, e := range r.Emits {
		schema := b.schemas.top(e.Type, output)
		if data = either(data, schema); i == 0 {
			data = schema
		}
		envelope := obj("type", "object", "properties", obj(
			"event", obj("type", "string", "const", e.Name),
			"data", obj("type", "string", "contentMediaType", mimeJSON, "contentSchema", schema),
			"id", obj("type", "string"),
			"retry", obj("type", "integer", "minimum", 0),
		), "required", []any{"event", "data"})
		if e.Name == "" {
			envelope.child("properties").remove("event")
			envelope.set("required", []any{"data"})
		}
		envelopes = append(envelopes, envelope)
	}
	switch {
	case d == dialect31:
		return obj("schema", data)
	case len(envelopes) == 0:
		return obj("itemSchema", obj("type", "object", "properties", obj("event", obj("type", "string"), "data", data, "id", obj("type", "string"))))
	case len(envelopes) == 1:
		return obj("itemSchema", envelopes[0])
	}
	return obj("itemSchema", obj("anyOf", envelopes))
}
