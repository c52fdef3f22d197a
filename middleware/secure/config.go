package secure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/internal/weborigin"
)

// Off, as a setting that is a text, leaves the header field out.
const Off = "-"

// DefaultHSTSMaxAge is the default of Config.HSTSMaxAge: 365 days.
const DefaultHSTSMaxAge = 365 * 24 * time.Hour

// Config says what is sent. A text that is empty means the default named with it; [Off]
// sends nothing. Values must be ASCII without control characters.
type Config struct {
	// HSTSMaxAge is how long browsers use only HTTPS for the host, after each answer
	// (Strict-Transport-Security). It is sent over HTTPS alone, and never for localhost, whose
	// other ports would suffer. Zero means 365 days; negative sends nothing. Seconds are whole.
	HSTSMaxAge time.Duration

	// HSTSIncludeSubDomains extends that to all names below the host.
	HSTSIncludeSubDomains bool

	// HSTSPreload agrees to the host's being built into browsers, which is hard to take
	// back. It needs HSTSIncludeSubDomains and 365 days.
	HSTSPreload bool

	// ContentSecurityPolicy is the policy of pages. Empty sends none. Each {nonce} in it,
	// as in "script-src 'nonce-{nonce}'", is replaced by the request's [Nonce].
	ContentSecurityPolicy string

	// ContentSecurityPolicyReportOnly is a policy whose breaches are reported and not
	// prevented, beside the one above or alone. Empty sends none. It may have a {nonce} too.
	ContentSecurityPolicyReportOnly string

	// FrameOptions says which sites may show the pages in frames (X-Frame-Options):
	// SAMEORIGIN, the default, or DENY. Browsers prefer frame-ancestors of a policy.
	FrameOptions string

	// ReferrerPolicy says what pages tell others about where a visitor comes from. Empty
	// means strict-origin-when-cross-origin: the origin alone, and nothing to plain HTTP.
	ReferrerPolicy string

	// CrossOriginOpenerPolicy says which windows may keep hold of a page's. Empty means
	// same-origin; sign-in windows of other sites may need same-origin-allow-popups.
	CrossOriginOpenerPolicy string

	// CrossOriginResourcePolicy says which pages may embed what is answered, without CORS.
	// Empty means same-origin; what others embed, such as images, needs cross-origin.
	CrossOriginResourcePolicy string

	// CrossOriginEmbedderPolicy says what a page may embed. Empty sends nothing, since
	// require-corp keeps out what does not agree to it.
	CrossOriginEmbedderPolicy string

	// PermissionsPolicy says which features of the browser pages may use, as in
	// "camera=(), geolocation=(self)". Empty sends nothing.
	PermissionsPolicy string

	// RedirectHTTPS answers requests over plain HTTP with 308 to the same target over HTTPS.
	RedirectHTTPS bool

	// RedirectHost is the host of these redirects, with a port if it is not 443. Empty means
	// that of the request, without its port: then package hostauth should stand before, or
	// the client chooses the host.
	RedirectHost string
}

// header is a Config made ready for requests.
type header struct {
	fields     []field  // of every answer
	hsts       *field   // of those over HTTPS; may be nil
	policies   []policy // those with a nonce
	redirect   bool
	redirectTo string // an origin; empty means the request's host
}

// field is a header field whose name is written as fasthttp writes it.
type field struct{ name, value []byte }

// policy is a content policy, cut at the places for nonces.
type policy struct {
	name  string
	parts []string
}

// noncePlace is where a nonce goes in a policy.
const noncePlace = "{nonce}"

var (
	referrerPolicies = [...]string{
		"no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url",
	}
	openerPolicies   = [...]string{"same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"}
	resourcePolicies = [...]string{"same-origin", "same-site", "cross-origin"}
	embedderPolicies = [...]string{"require-corp", "credentialless", "unsafe-none"}
	frameOptions     = [...]string{"SAMEORIGIN", "DENY"}
)

// newHeader checks conf and panics with what is wrong with it.
func newHeader(conf *Config) *header {
	h := &header{}
	h.add("X-Content-Type-Options", "nosniff")
	h.choose("FrameOptions", "X-Frame-Options", conf.FrameOptions, frameOptions[0], frameOptions[:])
	h.choose("ReferrerPolicy", "Referrer-Policy", conf.ReferrerPolicy, "strict-origin-when-cross-origin", referrerPolicies[:])
	h.choose("CrossOriginOpenerPolicy", "Cross-Origin-Opener-Policy", conf.CrossOriginOpenerPolicy, openerPolicies[0], openerPolicies[:])
	h.choose("CrossOriginResourcePolicy", "Cross-Origin-Resource-Policy", conf.CrossOriginResourcePolicy, resourcePolicies[0], resourcePolicies[:])
	h.choose("CrossOriginEmbedderPolicy", "Cross-Origin-Embedder-Policy", conf.CrossOriginEmbedderPolicy, Off, embedderPolicies[:])
	if v := conf.PermissionsPolicy; v != "" && v != Off {
		checkValue("PermissionsPolicy", v)
		h.add("Permissions-Policy", v)
	}
	h.addPolicy("ContentSecurityPolicy", "Content-Security-Policy", conf.ContentSecurityPolicy)
	h.addPolicy("ContentSecurityPolicyReportOnly", "Content-Security-Policy-Report-Only", conf.ContentSecurityPolicyReportOnly)
	h.setHSTS(conf)
	h.setRedirect(conf)
	return h
}

// setRedirect takes as a host what can stand in an origin, and no more.
func (h *header) setRedirect(conf *Config) {
	h.redirect = conf.RedirectHTTPS
	if conf.RedirectHost == "" {
		return
	}
	origin, ok := weborigin.Canonical("https://" + conf.RedirectHost)
	if !ok || !conf.RedirectHTTPS {
		panic(fmt.Sprintf(`secure: Config.RedirectHost is %q: give a host such as "example.com" or "example.com:8443", and set RedirectHTTPS`, conf.RedirectHost))
	}
	h.redirectTo = origin
}

func (h *header) add(name, value string) {
	h.fields = append(h.fields, field{[]byte(name), []byte(value)})
}

// choose adds a field whose value is one of few words.
func (h *header) choose(setting, name, value, fallback string, words []string) {
	if value == "" {
		value = fallback
	}
	switch {
	case value == Off:
	case slices.Contains(words, value):
		h.add(name, value)
	default:
		panic(fmt.Sprintf("secure: Config.%s is %q: use %s, or Off", setting, value, strings.Join(words, ", ")))
	}
}

// addPolicy adds a content policy, which is a field like others if it has no nonce.
func (h *header) addPolicy(setting, name, text string) {
	if text == "" || text == Off {
		return
	}
	checkValue(setting, text)
	places := strings.Count(text, noncePlace)
	if places != strings.Count(text, "'nonce-"+noncePlace+"'") || places != strings.Count(text, "'nonce-") {
		panic(fmt.Sprintf("secure: Config.%s has a nonce that is not written 'nonce-%s': one that stays the same protects nothing", setting, noncePlace))
	}
	if places == 0 {
		h.add(name, text)
		return
	}
	h.policies = append(h.policies, policy{name, strings.Split(text, noncePlace)})
}

func (h *header) setHSTS(conf *Config) {
	age := conf.HSTSMaxAge
	if age == 0 {
		age = DefaultHSTSMaxAge
	}
	if conf.HSTSPreload && (age < DefaultHSTSMaxAge || !conf.HSTSIncludeSubDomains) {
		panic("secure: Config.HSTSPreload needs HSTSIncludeSubDomains and a HSTSMaxAge of 365 days at least: browsers take no other host into their lists")
	}
	if age < 0 {
		return
	}
	if age < time.Second {
		panic("secure: Config.HSTSMaxAge is below a second: give a time such as 365 days, or a negative one to send nothing")
	}
	value := "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
	if conf.HSTSIncludeSubDomains {
		value += "; includeSubDomains"
	}
	if conf.HSTSPreload {
		value += "; preload"
	}
	h.hsts = &field{[]byte("Strict-Transport-Security"), []byte(value)}
}

// checkValue refuses what could end a field, or is not ASCII.
func checkValue(setting, value string) {
	bad := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(value, bad) || strings.TrimSpace(value) == "" {
		panic(fmt.Sprintf("secure: Config.%s holds a line end or another character that a header field cannot: write it in one line of ASCII", setting))
	}
}
