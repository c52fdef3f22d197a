package swagger

import (
	"net/url"
	"slices"

	"github.com/gogeist/geist"
)

// Pages registers pages that show the documents to people: [Config].Pages. That of the
// module github.com/gogeist/geist/swagger/ui is ui.Pages. It is called once by [Mount], and
// its error is returned by it. Site and what it refers to may be kept.
type Pages func(app *geist.Engine, site Site) error

// Site says what pages show, and where.
type Site struct {
	// Title is the name of the service.
	Title string
	// Prefix stands before the paths of the documents and belongs before those of the pages.
	Prefix string
	// Middleware belongs before whatever the pages consist of.
	Middleware []geist.Handler
	// Contents tells what the documents hold that are served now. It changes with the
	// routes, and is safe for concurrent use.
	Contents func() Contents
}

// Contents is what pages have to show. It is zero before the engine serves.
type Contents struct {
	// Operations is how many operations and webhooks the OpenAPI document has.
	Operations int
	// Channels is how many channels the AsyncAPI document has.
	Channels int
	// Origins are the schemes and hosts, each once, that the document sends browsers to: of
	// the servers, and of where OAuth tokens are got. That of the service itself is only
	// among them if a server names it.
	Origins []string
}

// contents tells what there is to show.
func (b *builder) contents(d *documents) Contents {
	c := Contents{Operations: len(b.routes) + len(b.cfg.Webhooks)}
	if channels, ok := d.asyncapi.get("channels").(*object); ok {
		c.Channels = channels.len()
	}
	add := func(text string) {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return
		}
		if origin := u.Scheme + "://" + u.Host; !slices.Contains(c.Origins, origin) {
			c.Origins = append(c.Origins, origin)
		}
	}
	for _, s := range b.cfg.Servers {
		add(s.URL)
	}
	for _, r := range b.routes {
		for _, s := range r.Security {
			add(s.Scheme.TokenURL)
		}
	}
	return c
}
