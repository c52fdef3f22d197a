package cors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/weborigin"
)

// Header fields that fasthttp has no names for.
const (
	headerRequestPrivate = "Access-Control-Request-Private-Network"
	headerAllowPrivate   = "Access-Control-Allow-Private-Network"
)

// policy is a Config made ready for requests.
type policy struct {
	any            bool // every origin is allowed, and the answer does not depend on it
	exact          map[string]bool
	below          []belowPattern
	ask            func(c *geist.Ctx, origin string) bool
	privateNetwork bool

	answer        []field // of every answer to an allowed origin
	permission    []field // of that to a preflight
	varyPreflight string
}

// field is a header field whose name is written as fasthttp writes it.
type field struct{ name, value []byte }

// belowPattern is an origin with a star:
//
//	"https://*.example.com:8443" → "https://" + labels + ".example.com:8443"
type belowPattern struct{ prefix, suffix string }

// match reports whether what stands for the star is a name, and nothing that only
// ends like one: "https://evil.example/.example.com" has a slash in its place.
func (b *belowPattern) match(origin string) bool {
	return len(origin) > len(b.prefix)+len(b.suffix) && strings.HasPrefix(origin, b.prefix) &&
		strings.HasSuffix(origin, b.suffix) && weborigin.Valid(origin)
}

// newPolicy checks conf and panics with what is wrong with it.
func newPolicy(conf *Config) *policy {
	p := &policy{exact: map[string]bool{}, ask: conf.AllowOriginFunc, privateNetwork: conf.AllowPrivateNetwork}
	if len(conf.AllowOrigins) == 0 && conf.AllowOriginFunc == nil {
		panic(`cors: Config.AllowOrigins is empty: name the origins, or "*" for every page of the web`)
	}
	for _, text := range conf.AllowOrigins {
		p.allow(text, conf)
	}
	p.fields(conf)
	return p
}

// allow adds one of AllowOrigins.
func (p *policy) allow(text string, conf *Config) {
	switch text {
	case "*":
		p.allowAny(conf)
		return
	case "null":
		if conf.AllowCredentials {
			panic("cors: Config.AllowCredentials cannot stand beside the origin null: any page can have that, in a sandboxed frame")
		}
		p.exact[text] = true
		return
	}
	scheme, name, star := strings.Cut(text, "://*.")
	if !star {
		origin, ok := weborigin.Canonical(text)
		if !ok {
			panic(fmt.Sprintf(`cors: Config.AllowOrigins has %q: write "https://app.example.com", "https://*.example.com", "null" or "*"`, text))
		}
		p.exact[origin] = true
		return
	}
	origin, ok := weborigin.Canonical(scheme + "://" + name)
	prefix, host, _ := strings.Cut(origin, "://")
	bare, _, _ := strings.Cut(host, ":")
	if !ok || !weborigin.HasBelow(bare) {
		panic(fmt.Sprintf(`cors: Config.AllowOrigins has %q: behind "*." write a name of two labels at least, as in "https://*.example.com"`, text))
	}
	p.below = append(p.below, belowPattern{prefix + "://", "." + host})
}

func (p *policy) allowAny(conf *Config) {
	switch {
	case conf.AllowCredentials:
		panic(`cors: Config.AllowCredentials cannot stand beside the origin "*": every page of the web could read what its visitors may; name the origins`)
	case conf.AllowPrivateNetwork:
		panic(`cors: Config.AllowPrivateNetwork cannot stand beside the origin "*": every page of the web could reach into the network; name the origins`)
	case len(conf.AllowOrigins) > 1 || conf.AllowOriginFunc != nil:
		panic(`cors: Config.AllowOrigins has "*" beside other origins: it allows them all already`)
	}
	p.any = true
}

// fields makes the header fields of answers.
func (p *policy) fields(conf *Config) {
	methods := list("AllowMethods", conf.AllowMethods, "GET, HEAD, POST, PUT, PATCH, DELETE", conf)
	headers := list("AllowHeaders", conf.AllowHeaders, fasthttp.HeaderContentType, conf)
	expose := list("ExposeHeaders", conf.ExposeHeaders, "", conf)
	forbidden := func(m string) bool { return m == "CONNECT" || m == "TRACE" || m == "TRACK" }
	if i := slices.IndexFunc(conf.AllowMethods, forbidden); i >= 0 {
		panic(fmt.Sprintf("cors: Config.AllowMethods has %s, which browsers never send for a page", conf.AllowMethods[i]))
	}
	vary := []string{fasthttp.HeaderAccessControlRequestMethod, fasthttp.HeaderAccessControlRequestHeaders}
	if p.any {
		p.answer = appendField(p.answer, fasthttp.HeaderAccessControlAllowOrigin, "*")
	} else {
		vary = append([]string{fasthttp.HeaderOrigin}, vary...)
	}
	if conf.AllowCredentials {
		p.answer = appendField(p.answer, fasthttp.HeaderAccessControlAllowCredentials, "true")
	}
	p.permission = appendField(slices.Clone(p.answer), fasthttp.HeaderAccessControlAllowMethods, methods)
	p.permission = appendField(p.permission, fasthttp.HeaderAccessControlAllowHeaders, headers)
	if conf.MaxAge != 0 {
		seconds := int64(max(conf.MaxAge, 0) / time.Second)
		p.permission = appendField(p.permission, fasthttp.HeaderAccessControlMaxAge, strconv.FormatInt(seconds, 10))
	}
	p.answer = appendField(p.answer, fasthttp.HeaderAccessControlExposeHeaders, expose)
	if p.privateNetwork {
		vary = append(vary, headerRequestPrivate)
	}
	p.varyPreflight = strings.Join(vary, ", ")
}

func appendField(fields []field, name, value string) []field {
	if value == "" {
		return fields
	}
	return append(fields, field{[]byte(name), []byte(value)})
}

// list joins the names of one of conf's lists; fallback stands for an empty one.
func list(setting string, names []string, fallback string, conf *Config) string {
	if len(names) == 0 {
		return fallback
	}
	for _, name := range names {
		switch {
		case name == "*" && conf.AllowCredentials:
			panic(fmt.Sprintf(`cors: Config.%s has "*", which browsers do not understand beside AllowCredentials: write the names`, setting))
		case name == "*" && len(names) > 1 && setting != "AllowHeaders": // Authorization must stand beside it
			panic(fmt.Sprintf(`cors: Config.%s has "*" beside other names: it means them all already`, setting))
		case !isToken(name):
			panic(fmt.Sprintf("cors: Config.%s has %q, which is no name: use a token of RFC 9110", setting, name))
		}
	}
	return strings.Join(names, ", ")
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}
	return s != "" && !strings.ContainsFunc(s, other)
}
