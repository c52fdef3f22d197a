package redirect

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/pathrule"
)

// compile checks a Config and panics if it cannot be meant.
func compile(conf Config) *redirector {
	r := &redirector{https: conf.HTTPS, status: conf.Status, aliases: map[string]string{}}
	switch conf.Status {
	case 0:
		r.status = fasthttp.StatusPermanentRedirect
	case fasthttp.StatusPermanentRedirect, fasthttp.StatusTemporaryRedirect:
	default:
		panic(fmt.Sprintf("redirect: Config.Status %d: use 308 or 307, others would make GET of POST", conf.Status))
	}
	switch {
	case !conf.HTTPS && len(conf.Aliases) == 0 && len(conf.Rules) == 0:
		panic("redirect: the Config redirects nothing: give it Rules, Aliases or HTTPS")
	case conf.HTTPS && len(conf.Hosts) == 0 && len(conf.Aliases) == 0:
		panic("redirect: Config.HTTPS without Hosts: list the names that redirects may lead to")
	case !conf.HTTPS && len(conf.Hosts) > 0:
		panic("redirect: Config.Hosts without HTTPS says nothing")
	}
	for _, h := range conf.Hosts {
		r.hosts.add(h)
	}
	for from, to := range conf.Aliases {
		name := normalHost(from)
		if name != strings.ToLower(from) || !validHost(from) || !validHost(to) {
			panic(fmt.Sprintf("redirect: alias %q of %q: an alias is a host name without port, and so is what it stands for, maybe with one", from, to))
		}
		r.aliases[name] = strings.ToLower(to)
		r.hosts.add(to)
	}
	for from, to := range r.aliases {
		if _, again := r.aliases[normalHost(to)]; again {
			panic(fmt.Sprintf("redirect: alias %q leads to %q, which is an alias: name the host that serves", from, to))
		}
	}
	for _, g := range conf.Rules {
		r.rules = append(r.rules, parseRule(g))
	}
	for i, g := range conf.Rules {
		if r.rules[i].origin == "" {
			r.mustEnd(g)
		}
	}
	return r
}

func parseRule(g Rule) rule {
	r := rule{status: g.Status}
	switch g.Status {
	case 0:
		r.status = fasthttp.StatusPermanentRedirect
	case fasthttp.StatusMovedPermanently, fasthttp.StatusFound, fasthttp.StatusTemporaryRedirect, fasthttp.StatusPermanentRedirect:
	default:
		panic(fmt.Sprintf("redirect: rule %q has status %d: use 301, 302, 307 or 308", g.From, g.Status))
	}
	path := g.To
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, r.query = path[:i], path[i:]
		if strings.ContainsAny(r.query, "\\\"<>#") || !printable(r.query) {
			panic(fmt.Sprintf("redirect: rule %q: the query %q is not escaped", g.From, r.query))
		}
	}
	if scheme, rest, absolute := strings.Cut(path, "://"); absolute && (scheme == "https" || scheme == "http") {
		host, _, _ := strings.Cut(rest, "/")
		if !validHost(host) {
			panic(fmt.Sprintf("redirect: rule %q: %q is no host", g.From, host))
		}
		r.origin = scheme + "://" + host
		if path = rest[len(host):]; path == "" {
			path = "/"
		}
	}
	var err error
	if r.path, err = pathrule.Parse(g.From, path); err != nil {
		panic("redirect: " + err.Error())
	}
	return r
}

// mustEnd follows the rules from a path that g fits and panics if they never let go.
func (r *redirector) mustEnd(g Rule) {
	segments := strings.Split(g.From, "/")
	for i, s := range segments {
		if s != "" && (s[0] == ':' || s[0] == '*') {
			segments[i] = "x"
		}
	}
	path := strings.Join(segments, "/")
	for range len(r.rules) + 1 {
		next, fits := r.step(path)
		if !fits {
			return
		}
		path = next
	}
	panic(fmt.Sprintf("redirect: rule %q to %q leads back to where rules apply, without end", g.From, g.To))
}

// step returns where the rules redirect a path on the same host.
func (r *redirector) step(path string) (next string, fits bool) {
	for i := range r.rules {
		if b, ok := r.rules[i].path.Append(nil, path); ok {
			return string(b), r.rules[i].origin == ""
		}
	}
	return "", false
}

// hosts are names that redirects may lead to.
type hosts struct {
	exact map[string]string // by name without port, to what stands in a Location
	below []string          // ".example.com" for "*.example.com"
}

func (h *hosts) add(host string) {
	host = strings.ToLower(host)
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		if !validHost(rest) || normalHost(rest) != rest || strings.IndexByte(rest, '.') < 0 {
			panic(fmt.Sprintf("redirect: host %q: the name below which all are yours has a dot, and no port", host))
		}
		h.below = append(h.below, "."+rest)
		return
	}
	if !validHost(host) {
		panic(fmt.Sprintf("redirect: %q is no host: give a name such as example.com or *.example.com", host))
	}
	if h.exact == nil {
		h.exact = map[string]string{}
	}
	h.exact[normalHost(host)] = host
}

// find returns how a Location names a host, or "" if it is not listed.
func (h *hosts) find(name string) string {
	if to, ok := h.exact[name]; ok {
		return to
	}
	for _, suffix := range h.below {
		if len(name) > len(suffix) && strings.HasSuffix(name, suffix) && name[0] != '.' {
			return name
		}
	}
	return ""
}

// normalHost returns a host in lower case, without port and final dot.
func normalHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// validHost reports whether host is a name or an address, maybe with a port.
func validHost(host string) bool {
	name := normalHost(host)
	if name == "" {
		return false
	}
	for i := range len(host) {
		b := host[i]
		if !('a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9' || strings.IndexByte("-._:[]", b) >= 0) {
			return false
		}
	}
	return true
}

// printable reports whether s is ASCII without spaces and controls.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
