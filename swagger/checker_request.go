package swagger

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// request judges what the server has taken in.
func (x *exchange) request(p *path) {
	parameters, _ := p.op.get("parameters").([]any)
	values := p.values(x.path)
	query := x.r.URL.Query()
	for _, one := range parameters {
		parameter, _ := one.(*object)
		name, _ := parameter.get("name").(string)
		var sent []string
		switch parameter.get("in") {
		case "path":
			if len(values) > 0 {
				sent, values = values[:1], values[1:]
			}
		case "query":
			sent = query[name]
		case "header":
			sent = x.r.Header.Values(name)
		case "cookie":
			for _, cookie := range x.r.CookiesNamed(name) {
				sent = append(sent, cookie.Value)
			}
		}
		if len(sent) == 0 {
			if parameter.get("required") == true {
				x.finding("the request lacks the %s parameter %q, and was taken in", parameter.get("in"), name)
			}
			continue
		}
		schema, _ := parameter.get("schema").(*object)
		comma := parameter.get("explode") == false
		for _, f := range judge(schema, fromText(schema, sent, comma), false) {
			x.finding("the %s parameter %q was taken in: %s", parameter.get("in"), name, f)
		}
	}
	x.requestBody(p)
}

// requestBody judges a JSON body that the server has taken in.
func (x *exchange) requestBody(p *path) {
	described, _ := p.op.get("requestBody").(*object)
	content, _ := described.get("content").(*object)
	media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	switch {
	case content == nil:
		return
	case len(x.sent) == 0:
		if described.get("required") == true && x.r.Body != nil {
			x.finding("the request lacks its body, and was taken in")
		}
		return
	}
	if !isJSON(media) {
		return
	}
	form, ok := content.get(media).(*object)
	if !ok {
		form, _ = content.get(mimeJSON).(*object) // a type of its own that is JSON
	}
	if schema, ok := form.get("schema").(*object); ok {
		x.document("the request's body was taken in", schema, x.sent, false)
	}
}

// fromText returns the value that texts of a request stand for where a schema is given.
func fromText(schema *object, sent []string, comma bool) any {
	if schemaType(schema) == "array" {
		items, _ := typed(schema).get("items").(*object)
		all := []any{}
		for _, text := range sent {
			parts := []string{text}
			if comma {
				parts = strings.Split(text, ",")
			}
			for _, part := range parts {
				all = append(all, fromText(items, []string{strings.TrimSpace(part)}, false))
			}
		}
		return all
	}
	text := sent[0]
	switch schemaType(schema) {
	case "integer", "number":
		number := strings.TrimPrefix(text, "+")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return json.Number(strconv.FormatInt(n, 10)) // without zeroes in front
		}
		if json.Valid([]byte(number)) && kindOf(json.Number(number)) != "string" {
			if _, err := strconv.ParseFloat(number, 64); err == nil {
				return json.Number(number)
			}
		}
	case "boolean":
		switch strings.ToLower(text) {
		case "true", "1", "t", "on", "yes":
			return true
		case "false", "0", "f", "off", "no":
			return false
		}
	}
	return text
}

// typed returns the schema that says a type: what a reference or a list of schemas leads to.
func typed(schema *object) *object {
	for range maxDepth {
		if c, ok := schema.get("$ref").(*component); ok {
			schema = c.schema
			continue
		}
		if schema.get("type") != nil {
			return schema
		}
		inner := schema
		for _, name := range [...]string{"allOf", "anyOf", "oneOf"} {
			if all, ok := schema.get(name).([]any); ok && len(all) > 0 {
				inner, _ = all[0].(*object)
				break
			}
		}
		if inner == schema {
			return schema
		}
		schema = inner
	}
	return schema
}

// maxDepth bounds how far typed goes.
const maxDepth = 16

// schemaType returns the type that a schema says, null aside, or "".
func schemaType(schema *object) string {
	switch kind := typed(schema).get("type").(type) {
	case string:
		return kind
	case []any:
		if len(kind) > 0 {
			name, _ := kind[0].(string)
			return name
		}
	}
	return ""
}

// headers judges the header of an answer by the fields that are described.
func (x *exchange) headers(described *object) {
	for i, name := range described.names {
		field, _ := described.values[i].(*object)
		sent := x.header.Values(name)
		if len(sent) == 0 {
			if field.get("required") == true {
				x.finding("the header field %s is missing", name)
			}
			continue
		}
		schema, _ := field.get("schema").(*object)
		for _, f := range judge(schema, fromText(schema, sent, true), true) {
			x.finding("the header field %s: %s", name, f)
		}
	}
	var names []string
	for name := range x.header {
		if !commonHeader(name) && !slices.ContainsFunc(described.names, func(d string) bool { return strings.EqualFold(d, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		x.finding("the header field %s is not described", name)
	}
}

// commonHeader reports whether a field says how an answer is sent, kept or protected, which
// servers and middleware decide and no description of a route lists.
func commonHeader(name string) bool {
	name = http.CanonicalHeaderKey(name)
	for _, prefix := range [...]string{"Content-", "Access-Control-", "Cross-Origin-", "Sec-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "Accept-Ranges", "Age", "Allow", "Cache-Control", "Connection", "Date", "Etag", "Expires", "Keep-Alive", "Last-Modified",
		"Permissions-Policy", "Pragma", "Referrer-Policy", "Server", "Set-Cookie", "Strict-Transport-Security", "Trailer",
		"Transfer-Encoding", "Upgrade", "Vary", "X-Content-Type-Options", "X-Frame-Options", "X-Request-Id":
		return true
	}
	return false
}
