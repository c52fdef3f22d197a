package swagger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/eventstream"
)

// Checker holds what goes over the wire of a test against the documents. It is for
// the Config of package geisttest, where every exchange of a client is then checked:
//
//	checker, err := swagger.NewChecker(app, config)
//	…
//	t := geisttest.New(tb, app, geisttest.Config{Checker: checker})
//
// What is wrong: an answer with a status, a content type or, where header fields are
// described, a header field that the route's description does not have; a body that does
// not fit its schema, be it by a member that is not described; and a parameter or a JSON body
// that the server took in and the description does not allow. Requests that were refused
// may be anything. Events and messages are checked one by one where [geist.Emits] or a
// typed route describes them.
//
// Routes that the documents leave out, being [geist.Hidden] or filtered, are not checked.
// Where no route answers, only success is wrong. A Checker is safe for many goroutines.
type Checker struct{ paths []*path }

// message is a kind of message as it is checked.
type message struct {
	event  string
	schema *object
}

// NewChecker returns a checker for the routes that app has now, and the problems of the
// documents that Mount would serve of them.
func NewChecker(app *geist.Engine, config Config) (*Checker, error) {
	infos := app.Routes()
	if _, err := describe(&config, infos); err != nil {
		return nil, err
	}
	b := &builder{cfg: &config, schemas: newSchemas(config.Types)}
	b.collect(infos)
	c := &Checker{}
	for _, r := range b.routes {
		pattern := r.Pattern
		if r.without {
			pattern = shortened(pattern)
		}
		p := newPath(r.RouteInfo, pattern)
		p.op = b.operation(r, dialect31)
		if r.live() {
			p.emits, p.receives = b.messages(r.Emits, output), b.messages(r.Receives, input)
		}
		c.paths = append(c.paths, p)
	}
	for i := range infos {
		if !b.leavesOut(infos, &infos[i]) {
			continue
		}
		c.paths = append(c.paths, newPath(infos[i], infos[i].Pattern))
		if infos[i].OptionalParam {
			c.paths = append(c.paths, newPath(infos[i], shortened(infos[i].Pattern)))
		}
	}
	return c, nil
}

// shortened returns a pattern without its last segment, which is optional.
func shortened(pattern string) string {
	if i := strings.LastIndexByte(pattern, '/'); i > 0 {
		return pattern[:i]
	}
	return "/"
}

// messages returns the schemas of messages.
func (b *builder) messages(events []geist.EventInfo, m mode) (all []message) {
	for _, e := range events {
		all = append(all, message{e.Name, b.schemas.top(e.Type, m)})
	}
	return all
}

// CheckExchange returns what in a request and its answer is not as the documents say, a
// sentence each with the route, the status and, for a body, a JSON Pointer. It reads the
// bodies; one that is nil is not looked at.
func (c *Checker) CheckExchange(request *http.Request, response *http.Response) []string {
	x := exchange{r: request, status: response.StatusCode, header: response.Header}
	x.sent = bodyOf(request.Body)
	x.body, x.whole = bodyOf(response.Body), response.Body != nil
	x.path = request.URL.EscapedPath()
	found := c.find(request, x.path)
	if len(found) == 0 && x.status < http.StatusMultipleChoices && request.Method != http.MethodOptions {
		if found, x.path = c.findLoosely(request); len(found) == 0 {
			return []string{fmt.Sprintf("%s %s: %d: no route of the documents is there", request.Method, request.URL.Path, x.status)}
		}
	}
	if len(found) == 0 || serverStatus(x.status) {
		return nil
	}
	var findings []string
	for i, p := range found {
		if p.op == nil {
			return nil
		}
		x.findings = nil
		x.check(p)
		if len(x.findings) == 0 {
			return nil
		}
		if i == 0 {
			findings = x.findings
		}
	}
	return findings
}

// findLoosely is find for engines that are not strict about slashes or case. It returns the
// path in the form that was found, too.
func (c *Checker) findLoosely(r *http.Request) (found []*path, form string) {
	escaped := r.URL.EscapedPath()
	for _, form := range [...]string{strings.TrimRight(escaped, "/"), escaped + "/", strings.ToLower(escaped), strings.ToLower(strings.TrimRight(escaped, "/"))} {
		if found := c.find(r, form); len(found) > 0 {
			return found, form
		}
	}
	return nil, ""
}

// bodyOf reads a body, nil included.
func bodyOf(r io.Reader) []byte {
	if r == nil {
		return nil
	}
	b, _ := io.ReadAll(r) // what is cut off does not fit
	return b
}

// serverStatus reports whether a server answers with a status before it looks for a route.
func serverStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return true
	}
	return false
}

// CheckMessage returns what in a message is not as the documents say: one that fromClient
// tells to be the client's, or an event, by its name, or a message of the server. request
// has opened the stream or the connection.
func (c *Checker) CheckMessage(request *http.Request, fromClient bool, event string, data []byte) []string {
	found := c.find(request, request.URL.EscapedPath())
	if len(found) == 0 {
		found, _ = c.findLoosely(request)
	}
	if len(found) == 0 || found[0].op == nil {
		return nil
	}
	p := found[0]
	x := exchange{r: request, what: p.info.Method + " " + p.info.Pattern}
	if fromClient {
		x.message("the client's message", p.receives, "", data)
		return x.findings
	}
	x.event(p, event, data)
	return x.findings
}

// exchange is one that is being checked.
type exchange struct {
	r          *http.Request
	path       string // escaped, as the route has it
	status     int
	header     http.Header
	sent, body []byte
	whole      bool // body is there
	what       string
	findings   []string
}

func (x *exchange) finding(format string, args ...any) {
	x.findings = append(x.findings, x.what+": "+fmt.Sprintf(format, args...))
}

// check judges the exchange by a route.
func (x *exchange) check(p *path) {
	x.what = fmt.Sprintf("%s %s: %d", p.info.Method, p.info.Pattern, x.status)
	responses, _ := p.op.get("responses").(*object)
	response, exact := responseOf(responses, x.status)
	if response == nil {
		x.finding("the status is not described: there are %s", strings.Join(responses.names, ", "))
		return
	}
	if x.status < http.StatusBadRequest {
		x.request(p)
	}
	if headers, ok := response.get("headers").(*object); ok {
		x.headers(headers)
	}
	if x.r.Method != http.MethodHead && x.status != http.StatusSwitchingProtocols {
		content, _ := response.get("content").(*object)
		x.content(p, content, exact)
	}
}

// responseOf returns the description of a status, and whether it is that of no other.
func responseOf(responses *object, status int) (response *object, exact bool) {
	for _, name := range [...]string{decimal(status), decimal(status/100) + "XX", "default"} {
		if response, ok := responses.get(name).(*object); ok {
			return response, name[0] <= '9' && !strings.HasSuffix(name, "XX")
		}
	}
	return nil, false
}

// content judges the body of the answer.
func (x *exchange) content(p *path, content *object, exact bool) {
	media, _, _ := mime.ParseMediaType(x.header.Get("Content-Type"))
	switch {
	case content.len() == 0 && exact && len(x.body) > 0:
		x.finding("there is a body of type %q, and none is described", media)
		return
	case content.len() == 0:
		return
	case x.whole && len(x.body) == 0:
		x.finding("there is no body, and one of type %s is described", strings.Join(content.names, ", "))
		return
	}
	kind, _, _ := strings.Cut(media, "/")
	for _, name := range [...]string{media, kind + "/*", "*/*"} {
		form, ok := content.get(name).(*object)
		if !ok {
			continue
		}
		schema, _ := form.get("schema").(*object)
		switch {
		case !x.whole || schema == nil:
		case media == mimeEvents:
			x.events(p)
		case isJSON(media):
			x.document("the body", schema, x.body, true)
		}
		return
	}
	x.finding("the content type %q is not described: there are %s", media, strings.Join(content.names, ", "))
}

// document judges a JSON text.
func (x *exchange) document(what string, schema *object, text []byte, closed bool) {
	v, err := decode(text)
	if err != nil {
		x.finding("%s is no JSON: %v", what, err)
		return
	}
	for _, f := range judge(schema, v, closed) {
		x.finding("%s: %s", what, f)
	}
}

// decode reads a JSON text with its numbers as they stand.
func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the value")
	}
	return v, nil
}

// events judges a stream that has been read to its end.
func (x *exchange) events(p *path) {
	d := eventstream.NewDecoder(bytes.NewReader(x.body), len(x.body)+1)
	for {
		item, err := d.Next()
		if err != nil {
			return
		}
		if item.Kind == eventstream.Message {
			x.event(p, item.Name, []byte(item.Data))
		}
	}
}

// event judges an event or a message of the server.
func (x *exchange) event(p *path, name string, data []byte) {
	if p.info.Kind != geist.RouteEvents {
		x.message("the server's message", p.emits, "", data)
		return
	}
	switch name {
	case "message":
		name = ""
	case geist.GapEvent:
		return // of a hub, on any stream that follows one
	}
	x.message(fmt.Sprintf("the event %q", name), p.emits, name, data)
}

// message judges a message by those of its name that are described; none means that nothing
// is. Those of a connection have no names on the wire.
func (x *exchange) message(what string, described []message, event string, data []byte) {
	if len(described) == 0 {
		return
	}
	streams := slices.ContainsFunc(described, func(m message) bool { return m.event == event })
	if event != "" && !streams {
		x.finding("%s is not described", what)
		return
	}
	var first []string
	tried := 0
	for _, m := range described {
		if streams && m.event != event {
			continue
		}
		one := exchange{what: x.what}
		one.document(what, m.schema, data, true)
		if len(one.findings) == 0 {
			return
		}
		if tried++; tried == 1 {
			first = one.findings
		}
	}
	if tried > 1 {
		first = []string{fmt.Sprintf("%s: %s: #: fits none of the %d that are described", x.what, what, tried)}
	}
	x.findings = append(x.findings, first...)
}
