package swagger

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/gogeist/geist"
)

// roomsProtocol is what clients of Rooms speak, and the subprotocol of their WebSockets.
const roomsProtocol = "geist.v1"

// live reports whether the route is a channel of AsyncAPI. Of Rooms that is the GET, which
// opens the connection.
func (r *route) live() bool {
	return r.socket() || r.Kind == geist.RouteEvents
}

// socket reports whether the route opens a WebSocket.
func (r *route) socket() bool {
	return r.Kind == geist.RouteWebSocket || r.rooms()
}

// rooms reports whether the route opens a connection that speaks geist.v1.
func (r *route) rooms() bool {
	return r.Kind == geist.RouteRooms && r.Method == http.MethodGet
}

// asyncapi makes the AsyncAPI document, from the view of the service: it receives what
// clients send, and sends what they receive.
func (b *builder) asyncapi() *object {
	info := b.info()
	info.remove("summary") // which OpenAPI alone has
	if license, ok := info.get("license").(*object); ok {
		license.remove("identifier")
	}
	tags := &object{}
	var sections []string
	for _, r := range b.routes {
		if !r.live() {
			continue
		}
		for _, name := range r.tags {
			if !slices.Contains(sections, name) {
				sections = append(sections, name)
				tags.set(tagKey(name), b.tag(name))
			}
		}
	}
	info.add("tags", tagRefs(sections))
	o := obj("asyncapi", "3.0.0", "info", info)
	sockets, streams := b.asyncServers()
	servers := &object{}
	for _, s := range slices.Concat(sockets, streams) {
		servers.set(s.name, s.object)
	}
	o.add("servers", servers)
	o.set("defaultContentType", mimeJSON)
	channels, operations, messages := &object{}, &object{}, &object{}
	for _, r := range b.routes {
		if !r.live() || channels.get(r.id) != nil {
			continue
		}
		at := sockets
		if r.Kind == geist.RouteEvents {
			at = streams
		}
		channels.set(r.id, b.channel(r, at))
		b.traffic(r, channels.child(r.id), operations, messages)
	}
	o.set("channels", channels)
	o.set("operations", operations)
	o.set("components", obj("schemas", &object{}, "messages", messages, "tags", tags, "securitySchemes", b.securitySchemes(dialectAsync)))
	return o
}

// asyncServer is a server as AsyncAPI has it.
type asyncServer struct {
	name   string
	object *object
}

// asyncServers lists the servers that have a host, for WebSockets and for streams of
// events, as far as there are routes of that kind.
func (b *builder) asyncServers() (sockets, streams []asyncServer) {
	hasSocket := slices.ContainsFunc(b.routes, (*route).socket)
	hasStream := slices.ContainsFunc(b.routes, func(r *route) bool { return r.Kind == geist.RouteEvents })
	for i, s := range b.cfg.Servers {
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" {
			continue
		}
		name := s.Name
		if name == "" {
			name = "server" + decimal(i+1)
		}
		add := func(list *[]asyncServer, suffix, protocol string) {
			o := obj("host", u.Host)
			o.add("pathname", strings.TrimSuffix(u.Path, "/"))
			o.set("protocol", protocol)
			o.add("description", s.Description)
			*list = append(*list, asyncServer{name + suffix, o})
		}
		secure := u.Scheme == "https" || u.Scheme == "wss"
		if hasSocket {
			add(&sockets, "", map[bool]string{true: "wss", false: "ws"}[secure])
		}
		if hasStream {
			add(&streams, "Events", map[bool]string{true: "https", false: "http"}[secure])
		}
	}
	return sockets, streams
}

// channel describes where a stream or connection is.
func (b *builder) channel(r *route, servers []asyncServer) *object {
	o := obj("address", r.path, "title", r.title())
	o.add("summary", r.Summary)
	o.add("description", r.Description)
	var at []any
	for _, s := range servers {
		at = append(at, obj("$ref", "#/servers/"+s.name))
	}
	o.add("servers", at)
	o.set("messages", &object{})
	parameters := &object{}
	for i := range r.params {
		parameters.set(r.shown[i], b.asyncParameter(r, i))
	}
	o.add("parameters", parameters)
	o.add("tags", tagRefs(r.tags))
	if r.socket() {
		query, header := b.handshake(r)
		ws := obj("method", "GET")
		ws.add("query", query)
		ws.add("headers", header)
		ws.set("bindingVersion", "0.1.0")
		o.set("bindings", obj("ws", ws))
	}
	if r.rooms() {
		o.set("x-geist-protocol", roomsProtocol)
	}
	return o
}

// tagRefs refers to sections, which stand among the components.
func tagRefs(names []string) []any {
	var all []any
	for _, name := range names {
		all = append(all, obj("$ref", "#/components/tags/"+tagKey(name)))
	}
	return all
}

// tagKey returns the key of a section among the components.
func tagKey(name string) string {
	if isKey(name) {
		return name
	}
	return upperWord(name)
}

// isKey reports whether a text may be a key among components.
func isKey(s string) bool {
	other := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	}
	return s != "" && !strings.ContainsFunc(s, other)
}

// asyncParameter describes a parameter of the address, which is always text there.
func (b *builder) asyncParameter(r *route, i int) *object {
	p := b.pathParameter(r, i)
	o := &object{}
	description, _ := p.get("description").(string)
	if description == "" {
		description = "The parameter " + r.shown[i] + " of the path."
	}
	o.set("description", description)
	if schema, ok := p.get("schema").(*object); ok {
		for _, name := range [...]string{"enum", "examples"} {
			values, _ := schema.get(name).([]any)
			var texts []any
			for _, v := range values {
				if s, ok := v.(string); ok {
					texts = append(texts, s)
				} else {
					texts = append(texts, string(appendScalar(nil, v)))
				}
			}
			o.add(name, texts)
		}
	}
	return o
}

// handshake describes the query and the header that open a connection.
func (b *builder) handshake(r *route) (query, header *object) {
	schemas := map[string]*object{}
	for _, in := range [...]string{"query", "header"} {
		properties := &object{}
		var required []string
		for i := range r.Fields {
			f := &r.Fields[i]
			if f.In != in {
				continue
			}
			properties.set(f.Name, withNotes(b.text(f, place(r, f)), doc(f)))
			if f.Required || b.mustSend(r, f) {
				required = append(required, f.Name)
			}
		}
		if properties.len() > 0 {
			schemas[in] = obj("type", "object", "properties", properties)
			schemas[in].add("required", list(required))
		}
	}
	return schemas["query"], schemas["header"]
}

// traffic adds the messages of a channel, and the operations that they are part of.
func (b *builder) traffic(r *route, channel, operations, messages *object) {
	word := upperWord(r.id)
	names := map[string]bool{}
	for _, way := range []struct {
		action string
		events []geist.EventInfo
		mode   mode
	}{{"receive", r.Receives, input}, {"send", r.Emits, output}} {
		if r.Kind == geist.RouteEvents && way.action == "receive" {
			continue
		}
		events := way.events
		if len(events) == 0 || r.Kind == geist.RouteRooms {
			events = append([]geist.EventInfo{{}}, events...) // whatever it is, or a frame
		}
		var refs []any
		for i, e := range events {
			name := messageName(way.action, e, i)
			for n := 2; names[name]; n++ {
				name = messageName(way.action, e, i) + decimal(n)
			}
			names[name] = true
			key := word + upperWord(name)
			messages.set(key, b.message(r, name, e, way.mode))
			channel.child("messages").set(name, obj("$ref", "#/components/messages/"+key))
			refs = append(refs, obj("$ref", "#/channels/"+r.id+"/messages/"+name))
		}
		operation := obj("action", way.action, "channel", obj("$ref", "#/channels/"+r.id), "title", r.title())
		operation.set("summary", map[string]string{"receive": "What clients send.", "send": "What the service sends."}[way.action])
		operation.set("description", operation.get("summary"))
		operation.add("tags", tagRefs(r.tags))
		var schemes []any
		for _, s := range r.Security {
			schemes = append(schemes, obj("$ref", "#/components/securitySchemes/"+s.Scheme.Name))
		}
		operation.add("security", schemes)
		operation.set("messages", refs)
		operations.set(way.action+word, operation)
	}
}

// passed are the words for what an action has done with a message.
var passed = map[string]string{"receive": "received", "send": "sent"}

// messageName names a message within its channel: by its event, else by its type.
func messageName(action string, e geist.EventInfo, i int) string {
	switch {
	case e.Name != "":
		return lowerFirst(upperWord(e.Name))
	case e.Type == nil:
		return passed[action]
	}
	t := e.Type
	for t.Name() == "" && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) {
		t = t.Elem()
	}
	if t.Name() == "" || t.PkgPath() == "" {
		return passed[action] + decimal(i+1)
	}
	return lowerFirst(typeName(t, 0))
}

// message describes one kind of message.
func (b *builder) message(r *route, name string, e geist.EventInfo, m mode) *object {
	label := name
	if e.Name != "" {
		label = e.Name
	}
	o := obj("name", label, "title", sentence(name))
	o.set("summary", "A message of "+r.title()+".")
	switch {
	case e.Type == nil && r.rooms():
		o.set("summary", "A frame of the protocol "+roomsProtocol+".")
		o.set("contentType", mimeJSON)
		o.set("payload", frame())
		return o
	case r.rooms():
		o.set("summary", "What a message of a room holds, in a frame m.")
	case e.Type == nil:
		o.set("contentType", "application/octet-stream")
		o.set("payload", &object{})
		return o
	}
	o.set("contentType", mimeJSON)
	if r.Kind == geist.RouteEvents {
		fields := &object{}
		if e.Name != "" {
			fields.set("event", obj("type", "string", "const", e.Name))
		}
		fields.set("id", obj("type", "string", "description", "Where to resume, sent back as Last-Event-ID."))
		o.set("headers", obj("type", "object", "properties", fields))
	}
	o.set("payload", b.schemas.top(e.Type, m))
	return o
}
