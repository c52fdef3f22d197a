package swagger

import (
	"maps"
	"reflect"
	"slices"

	"github.com/gogeist/geist"
)

// securityOf lists what a request must satisfy: all schemes of the route.
func securityOf(r *route) []any {
	if len(r.Security) == 0 {
		return []any{}
	}
	all := &object{}
	for _, s := range r.Security {
		all.set(s.Scheme.Name, list(s.Scopes))
	}
	return []any{all}
}

// securitySchemes describes the schemes that routes name.
func (b *builder) securitySchemes(d dialect) *object {
	all := &object{}
	known := map[string]geist.SecurityScheme{}
	for _, r := range b.routes {
		if d == dialectAsync && !r.live() {
			continue
		}
		for _, s := range r.Security {
			if old, ok := known[s.Scheme.Name]; ok {
				if !reflect.DeepEqual(old, s.Scheme) {
					b.problem("%s %s (%s): another security scheme is called %q, too", r.Method, r.Pattern, r.Source, s.Scheme.Name)
				}
				continue
			}
			known[s.Scheme.Name] = s.Scheme
			all.set(s.Scheme.Name, securityScheme(&s.Scheme, d))
		}
	}
	return all
}

// securityScheme describes a scheme. AsyncAPI has other words for some.
func securityScheme(s *geist.SecurityScheme, d dialect) *object {
	kind := s.Type
	switch {
	case d == dialectAsync && kind == "apiKey":
		kind = "httpApiKey"
	case d == dialectAsync && kind == "mutualTLS":
		kind = "X509"
	}
	o := obj("type", kind)
	o.add("description", s.Description)
	switch s.Type {
	case "http":
		o.set("scheme", s.Scheme)
		o.add("bearerFormat", s.BearerFormat)
	case "apiKey":
		o.set("name", s.Key)
		o.set("in", s.In)
	case "openIdConnect":
		o.set("openIdConnectUrl", s.URL)
	case "oauth2":
		o.set("flows", flows(s, d))
	}
	return o
}

// flows describes how a token is got: with both endpoints by a code, with one by that.
func flows(s *geist.SecurityScheme, d dialect) *object {
	scopes := &object{}
	for _, name := range slices.Sorted(maps.Keys(s.Scopes)) {
		scopes.set(name, s.Scopes[name])
	}
	flow := &object{}
	flow.add("authorizationUrl", s.URL)
	flow.add("tokenUrl", s.TokenURL)
	if d == dialectAsync {
		flow.set("availableScopes", scopes)
	} else {
		flow.set("scopes", scopes)
	}
	switch {
	case s.TokenURL == "":
		return obj("implicit", flow)
	case s.URL == "":
		return obj("clientCredentials", flow)
	}
	return obj("authorizationCode", flow)
}
