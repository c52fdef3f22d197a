package swagger

import (
	"log/slog"
	"reflect"

	"github.com/gogeist/geist"
)

// Config says what a service's documents say beside its routes, and where they are
// served. Only Title and Version are required.
type Config struct {
	// Title is the name of the service. Required.
	Title string
	// Version is that of the service's interface, not of a document format. Required.
	Version string
	// Summary is a line about the service; empty for none.
	Summary string
	// Description is a text about the service, in Markdown; empty for none.
	Description string
	// TermsOfService is a URL; empty for none.
	TermsOfService string
	// Contact is who to ask; zero for nobody.
	Contact Contact
	// License is what the interface is licensed under; zero for nothing.
	License License
	// Servers are where the service is found. Empty means one with the URL "/": where the
	// documents come from. AsyncAPI needs a host, and lists those that have one.
	Servers []Server
	// Tags are the sections of the documents, in their order. Those that only routes name
	// follow. A route without tags is in the one that is called like the first fixed
	// segment of its path.
	Tags []Tag
	// Types say the schemas of types that cannot say it themselves.
	Types []Type
	// Webhooks are requests that the service makes.
	Webhooks []Webhook

	// Prefix is put before the paths of the documents: with "/docs" the first is
	// /docs/openapi.json. Empty means none.
	Prefix string
	// Middleware runs before a document or a page is served, such as what asks for a password.
	Middleware []geist.Handler
	// Pages shows the documents to people, at /docs behind the Prefix: ui.Pages of the module
	// github.com/gogeist/geist/swagger/ui. Nil means no pages.
	Pages Pages
	// Internal lists the routes with the option [geist.Hidden] too.
	Internal bool
	// Filter leaves out the routes for which it is false. Nil leaves out none. It is
	// called while the routes are built, so it must not call the engine.
	Filter func(geist.RouteInfo) bool
	// Strict makes problems of what otherwise is only logged: types of which nothing is
	// known because they write their JSON themselves, and routes that a document cannot
	// hold.
	Strict bool
	// Logger gets the warnings, once for each time that the documents are built. Nil means
	// slog.Default().
	Logger *slog.Logger
}

// Contact is who to ask about a service. All fields may be empty.
type Contact struct {
	// Name is a person or a team.
	Name string
	// URL is a page.
	URL string
	// Email is an address.
	Email string
}

// License is what an interface is licensed under. Identifier and URL exclude each other.
type License struct {
	// Name is required if there is a license.
	Name string
	// Identifier is the license's in SPDX, such as Apache-2.0.
	Identifier string
	// URL is where its text is.
	URL string
}

// Server is where a service is found.
type Server struct {
	// Name names the server in AsyncAPI. Empty means "server" and a number.
	Name string
	// URL is the part before the paths of the routes: "https://api.example.com" or
	// "/v1". A path that routes have already does not belong into it.
	URL string
	// Description is a line; empty for none.
	Description string
}

// Tag is a section of a document.
type Tag struct {
	// Name is what routes name it by.
	Name string
	// Description is a text; empty means one that repeats the name.
	Description string
}

// Webhook is a request that the service makes to whoever has asked for it. [Hook] makes it.
type Webhook struct {
	name, summary string
	typ           reflect.Type
}

// Hook describes a webhook: a POST of a T as JSON, which is answered by any 2xx.
func Hook[T any](name, summary string) Webhook {
	return Webhook{name: name, summary: summary, typ: reflect.TypeFor[T]()}
}

// problems returns what is wrong with the configuration.
func (c *Config) problems() []string {
	var problems []string
	missing := func(field string) {
		problems = append(problems, "swagger.Config."+field+" is empty: documents must have one")
	}
	if c.Title == "" {
		missing("Title")
	}
	if c.Version == "" {
		missing("Version")
	}
	if c.License != (License{}) && c.License.Name == "" {
		missing("License.Name")
	}
	if c.License.Identifier != "" && c.License.URL != "" {
		problems = append(problems, "swagger.Config.License has an Identifier and a URL: use one of them")
	}
	if c.Prefix != "" && c.Prefix[0] != '/' {
		problems = append(problems, "swagger.Config.Prefix must begin with /")
	}
	for i, s := range c.Servers {
		if s.URL == "" {
			missing("Servers[" + decimal(i) + "].URL")
		}
	}
	for i, t := range c.Tags {
		if t.Name == "" {
			missing("Tags[" + decimal(i) + "].Name")
		}
	}
	for i, w := range c.Webhooks {
		if w.name == "" {
			missing("Webhooks[" + decimal(i) + "]'s name")
		}
	}
	return problems
}
