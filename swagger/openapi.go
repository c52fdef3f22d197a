package swagger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gogeist/geist"
)

// builder makes the documents of one set of routes.
type builder struct {
	cfg      *Config
	schemas  *schemas
	routes   []*route
	problems []string
	warnings []string
}

func (b *builder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// warn notes what is only a problem when the configuration is strict.
func (b *builder) warn(format string, args ...any) {
	b.warnings = append(b.warnings, fmt.Sprintf(format, args...))
}

// documents are those of a service, before they are written.
type documents struct {
	openapi, openapi32, asyncapi *object
	warnings                     []string
	contents                     Contents
}

// describe makes the documents, or reports everything that is wrong at once.
func describe(cfg *Config, infos []geist.RouteInfo) (*documents, error) {
	b := &builder{cfg: cfg, schemas: newSchemas(cfg.Types), problems: cfg.problems()}
	b.collect(infos)
	d := &documents{openapi: b.openapi(dialect31), openapi32: b.openapi(dialect32), asyncapi: b.asyncapi()}
	kept := b.schemas.finish()
	for _, doc := range []struct {
		root    *object
		dialect dialect
	}{{d.openapi, dialect31}, {d.openapi32, dialect32}, {d.asyncapi, dialectAsync}} {
		resolve(doc.root, kept, doc.dialect)
	}
	b.problems = append(b.problems, b.schemas.problems...)
	d.warnings = append(b.warnings, b.schemas.warnings...)
	d.contents = b.contents(d)
	if cfg.Strict {
		b.problems = append(b.problems, d.warnings...)
	}
	if len(b.problems) > 0 {
		return nil, joined(b.problems)
	}
	return d, nil
}

// joined returns one error of all problems, each once.
func joined(problems []string) error {
	var all []error
	for i, p := range problems {
		if !slices.Contains(problems[:i], p) {
			all = append(all, errors.New("swagger: "+p))
		}
	}
	return errors.Join(all...)
}

// dialect is the format of a document.
type dialect uint8

const (
	dialect31 dialect = iota
	dialect32
	dialectAsync
)

// openapi makes the OpenAPI document.
func (b *builder) openapi(d dialect) *object {
	version := "3.1.2"
	if d == dialect32 {
		version = "3.2.0"
	}
	o := obj("openapi", version, "info", b.info())
	var servers []any
	for _, s := range b.cfg.Servers {
		server := obj("url", s.URL)
		server.add("description", s.Description)
		servers = append(servers, server)
	}
	if len(servers) == 0 {
		servers = []any{obj("url", "/")}
	}
	o.set("servers", servers)
	o.add("tags", b.tags())
	o.set("paths", b.paths(d))
	o.add("webhooks", b.webhooks())
	o.set("components", obj("schemas", &object{}, "securitySchemes", b.securitySchemes(d)))
	return o
}

// info is the same in OpenAPI and AsyncAPI, but for the summary.
func (b *builder) info() *object {
	c := b.cfg
	o := obj("title", c.Title)
	o.add("summary", c.Summary)
	o.add("description", c.Description)
	if c.Description == "" {
		o.set("description", c.Title+".")
	}
	o.add("termsOfService", c.TermsOfService)
	contact := &object{}
	contact.add("name", c.Contact.Name)
	contact.add("url", c.Contact.URL)
	contact.add("email", c.Contact.Email)
	o.add("contact", contact)
	license := &object{}
	license.add("name", c.License.Name)
	license.add("identifier", c.License.Identifier)
	license.add("url", c.License.URL)
	o.add("license", license)
	o.set("version", c.Version)
	return o
}

// tags lists the sections: those of the configuration, then those that only routes name.
func (b *builder) tags() []any {
	var names []string
	for _, t := range b.cfg.Tags {
		names = append(names, t.Name)
	}
	for _, r := range b.routes {
		names = append(names, r.tags...)
	}
	if len(b.cfg.Webhooks) > 0 {
		names = append(names, webhookTag)
	}
	var all []any
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			all = append(all, b.tag(name))
		}
	}
	return all
}

// tag describes a section.
func (b *builder) tag(name string) *object {
	for _, t := range b.cfg.Tags {
		if t.Name == name && t.Description != "" {
			return obj("name", name, "description", t.Description)
		}
	}
	return obj("name", name, "description", "Operations of "+name+".")
}

// paths lists the operations below their paths, in the order of the routes.
func (b *builder) paths(d dialect) *object {
	paths := &object{}
	first := map[string]*route{} // by shape
	for _, r := range b.routes {
		known := first[pathShape(r.path)]
		if known == nil {
			first[pathShape(r.path)] = r
			known = r
		}
		item := paths.child(known.path)
		where, method := item, strings.ToLower(r.Method)
		switch {
		case slices.Contains(methods31[:], method), d == dialect32 && method == "query":
		case d == dialect32:
			where, method = item.child("additionalOperations"), r.Method
		default:
			b.warn("%s %s (%s) is not in the document of OpenAPI 3.1, which does not know the method", r.Method, r.Pattern, r.Source)
			if item.len() == 0 {
				paths.remove(known.path)
				delete(first, pathShape(r.path))
			}
			continue
		}
		if where.get(method) != nil {
			if d == dialect31 {
				b.warn("%s %s (%s) is not in the documents: %s %s (%s) has the same path there. Use Config.Filter to describe them apart",
					r.Method, r.Pattern, r.Source, r.Method, known.Pattern, known.Source)
			}
			continue
		}
		here := *r
		here.shown = known.shown // a path is listed once, whatever its parameters are called
		where.set(method, b.operation(&here, d))
	}
	return paths
}

// methods31 are those that OpenAPI 3.1 knows.
var methods31 = [...]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// webhookTag is the section of the webhooks.
const webhookTag = "webhooks"

// webhooks lists the requests that the service makes.
func (b *builder) webhooks() *object {
	all := &object{}
	for _, w := range b.cfg.Webhooks {
		if w.typ == nil {
			continue
		}
		if all.get(w.name) != nil {
			b.problem("two webhooks are called %q", w.name)
		}
		summary := w.summary
		if summary == "" {
			summary = sentence(w.name)
		}
		all.set(w.name, obj("post", obj(
			"tags", []any{webhookTag},
			"summary", summary,
			"description", summary,
			"operationId", lowerFirst(upperWord(w.name))+"Webhook",
			"requestBody", obj("content", obj(mimeJSON, obj("schema", b.schemas.top(w.typ, output))), "required", true),
			"responses", obj("2XX", obj("description", "The request was taken in."), "4XX", obj("description", "The request was not understood.")),
			"security", []any{},
		)))
	}
	return all
}

// resolve replaces the components in a document by references, and lists those that it
// leads to.
func resolve(root *object, kept []*component, d dialect) {
	used := map[string]bool{}
	resolved := map[*component]*object{}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case *object:
			o := &object{}
			for i, name := range v.names {
				if name == "discriminator" && d == dialectAsync {
					continue // there it is another thing; the variants' members tell them apart
				}
				o.set(name, walk(v.values[i]))
			}
			return o
		case []any:
			l := make([]any, len(v))
			for i := range v {
				l[i] = walk(v[i])
			}
			return l
		case *component:
			if !used[v.name] {
				used[v.name] = true
				for _, c := range kept {
					if c.name == v.name {
						resolved[c] = walk(c.schema).(*object) // an object stays one
					}
				}
			}
			return "#/components/schemas/" + v.name
		}
		return v
	}
	for i, name := range root.names {
		if name != "components" {
			root.values[i] = walk(root.values[i])
		}
	}
	components := root.child("components")
	for i := range components.names {
		components.values[i] = walk(components.values[i])
	}
	schemas := components.child("schemas")
	for _, c := range kept {
		if s := resolved[c]; s != nil {
			schemas.set(c.name, s)
		}
	}
	components.prune()
	if components.len() == 0 {
		root.remove("components")
	}
}
