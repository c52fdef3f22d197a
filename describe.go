package geist

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// describe lists a route for one method.
func (c *compiler) describe(r *Route, at level, method string, full *pattern, o *routeOptions, middleware int) {
	info := RouteInfo{
		Method: method, Host: at.host, Pattern: full.src, Name: r.name,
		Params: slices.Clone(full.names), Constraints: full.constraints(), OptionalParam: full.optional(),
		Handler: handlerName(r.endpoint()), Middleware: middleware, Source: r.place,
		Kind: r.kind(), Summary: o.summary, Description: o.text, Tags: o.tags,
		Deprecated: o.deprecated, Hidden: o.hidden, Security: o.security,
		Returns: slices.Clone(o.returns), Emits: o.emits, Headers: o.headers,
	}
	if len(o.consumes) > 0 {
		info.Body, info.RawBody, info.BodyRequired = o.consumes, true, true
	}
	switch {
	case r.typed != nil:
		info.Typed = true
		c.describeInput(&info, r.typed.in, full)
		info.Returns = append(info.Returns, o.plan.returnInfo(r.typed.out))
		info.Problems = info.problems(o.plan)
	case o.body != nil:
		c.describeInput(&info, o.body, full)
	}
	if r.messages != nil {
		info.describeMessages(r.messages)
	}
	slices.SortStableFunc(info.Returns, func(a, b ReturnInfo) int { return cmp.Compare(a.Status, b.Status) })
	c.routes.infos = append(c.routes.infos, info)
	c.routes.origin = append(c.routes.origin, r)
}

func (r *Route) kind() RouteKind {
	switch {
	case r.socket != nil:
		return RouteWebSocket
	case r.events:
		return RouteEvents
	case r.files != nil:
		return RouteFiles
	case r.rooms:
		return RouteRooms
	}
	return RouteHTTP
}

// describeMessages adds those of a typed stream or connection.
func (info *RouteInfo) describeMessages(s *signature) {
	if s.in != typeNone {
		info.Receives = []EventInfo{{Type: s.in}}
	}
	if s.out != typeNone {
		info.Emits = append([]EventInfo{{Type: s.out}}, info.Emits...)
	}
}

// returnInfo describes the usual answer.
func (p *typedPlan) returnInfo(out reflect.Type) ReturnInfo {
	if p.empty {
		return ReturnInfo{Status: p.status}
	}
	info := ReturnInfo{Status: p.status, Type: out}
	for _, o := range p.offers {
		info.ContentTypes = append(info.ContentTypes, o.media)
	}
	return info
}

// problems lists the statuses that bad requests of a typed route can get.
func (info *RouteInfo) problems(p *typedPlan) (all []int) {
	if len(info.Body) > 0 {
		all = append(all, fasthttp.StatusBadRequest)
	}
	if !p.empty {
		all = append(all, fasthttp.StatusNotAcceptable)
	}
	if len(info.Body) > 0 {
		all = append(all, fasthttp.StatusRequestEntityTooLarge, fasthttp.StatusUnsupportedMediaType)
	}
	if slices.ContainsFunc(info.Fields, FieldInfo.mayFail) {
		all = append(all, fasthttp.StatusUnprocessableEntity)
	}
	return all
}

// mayFail reports whether there are values that the field refuses.
func (f FieldInfo) mayFail() bool {
	return f.In == "body" || f.Required && f.In != "path" || f.Validate != "" || f.Type.Kind() != reflect.String
}

// constraints returns the spelling of each parameter's constraints.
func (p *pattern) constraints() []string {
	var all []string
	for _, s := range p.segs {
		for _, param := range s.params {
			var texts []string
			for _, con := range param.cons {
				texts = append(texts, con.text)
			}
			all = append(all, strings.Join(texts, " "))
		}
	}
	return all
}

// optional reports whether the last parameter may be left out.
func (p *pattern) optional() bool {
	return strings.HasSuffix(p.src, "?") && !p.segs[len(p.segs)-1].static()
}

// describeInput adds what a request sets in a type.
func (c *compiler) describeInput(info *RouteInfo, t reflect.Type, full *pattern) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	tab, err := c.engine.table(t)
	if err != nil || t == typeNone {
		return // reported by checkInput
	}
	info.Input = t
	query := info.Method == fasthttp.MethodGet || info.Method == fasthttp.MethodHead
	for i := range tab.fields {
		info.Fields = append(info.Fields, tab.fields[i].infos(query, full)...)
	}
	if !query && info.Kind == RouteHTTP && !info.RawBody {
		info.Body = tab.mediaTypes(&c.engine.set)
		info.BodyRequired = tab.needsBody && (info.Method == fasthttp.MethodPost || info.Method == fasthttp.MethodPut || info.Method == fasthttp.MethodPatch)
	}
}

// infos describes a row, once for each source.
func (f *field) infos(query bool, full *pattern) (all []FieldInfo) {
	base := FieldInfo{
		Path: f.path, Index: f.index, Type: f.typ, Tag: f.tag, Required: f.required || requiredRule(f.tag),
		Default: f.fallback, HasDefault: f.defaults,
		Doc: f.tag.Get("doc"), Example: f.tag.Get("example"), Deprecated: f.tag.Get("deprecated") == "true", Validate: f.tag.Get("validate"),
	}
	if f.setter != nil {
		if base.Layout = f.tag.Get("layout"); base.Layout == "" {
			base.Layout = f.tag.Get("time_format")
		}
		base.Comma = f.setter.splits()
	}
	for s, name := range f.names {
		if name == "" {
			continue
		}
		info := base
		info.Name, info.In = name, sourceTags[s]
		if source(s) == fromForm && query {
			info.In = sourceTags[fromQuery]
		}
		if source(s) == fromPath && !slices.Contains(full.names, name) {
			info.In, info.Required = "host", true
		} else if source(s) == fromPath {
			info.Required = !full.optional() || full.names[len(full.names)-1] != name
		}
		all = append(all, info)
	}
	if f.member != "" && !f.hidden {
		base.Name, base.In = f.member, "body"
		all = append(all, base)
	}
	return all
}

// splits reports whether a setter takes one text with commas for a list.
func (s *setter) splits() bool {
	for ; s != nil; s = s.elem {
		if s.comma {
			return true
		}
	}
	return false
}

// requiredRule reports whether a validate tag has a rule required for the field itself,
// not for what is in it.
func requiredRule(tag reflect.StructTag) bool {
	for rule := range strings.SplitSeq(tag.Get("validate"), ",") {
		switch rule {
		case "required":
			return true
		case "dive":
			return false
		}
	}
	return false
}

// mediaTypes lists what the body of a request may be sent in, as binding.choose reads it.
func (tab *fieldTable) mediaTypes(set *settings) (types []string) {
	if tab.body {
		types = append(types, mimeJSON)
	}
	if len(tab.params[fromForm]) > 0 {
		if !tab.hasFile() {
			types = append(types, mimeForm)
		}
		types = append(types, mimeMultipart)
	}
	if !tab.body {
		return types
	}
	for _, media := range slices.Sorted(maps.Keys(set.Codecs)) {
		_, isXML := set.Codecs[media].(xmlCodec)
		if _, decode := supports(set.Codecs[media], tab.typ); decode && (!isXML || tab.xml && media != mimeTextXML) {
			types = append(types, media)
		}
	}
	return types
}

// hasFile reports whether a file is bound, which only a multipart form can send.
func (tab *fieldTable) hasFile() bool {
	return slices.ContainsFunc(tab.params[fromForm], func(f *field) bool {
		return f.setter != nil && (f.setter.op == opFile || f.setter.op == opFiles)
	})
}
