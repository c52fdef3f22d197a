package geist

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// Defaults of [Config]. A zero field selects the value named here.
const (
	// DefaultMaxHeaderBytes is the default of Config.MaxHeaderBytes: 16 KiB.
	DefaultMaxHeaderBytes = 16 << 10
	// DefaultMaxURIBytes is the default of Config.MaxURIBytes: 16 KiB.
	DefaultMaxURIBytes = 16 << 10
	// DefaultMaxBodyBytes is the default of Config.MaxBodyBytes: 4 MiB.
	DefaultMaxBodyBytes = 4 << 20
	// DefaultMaxFields is the default of Config.MaxFields: 1,000.
	DefaultMaxFields = 1000
	// DefaultMaxJSONDepth is the default of Config.MaxJSONDepth: 512.
	DefaultMaxJSONDepth = 512
	// DefaultReadTimeout is the default of Config.ReadTimeout: 30 seconds.
	DefaultReadTimeout = 30 * time.Second
	// DefaultWriteTimeout is the default of Config.WriteTimeout: 30 seconds.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultIdleTimeout is the default of Config.IdleTimeout: 75 seconds.
	DefaultIdleTimeout = 75 * time.Second
	// DefaultEventHeartbeat is the default of Config.EventHeartbeat: 20 seconds.
	DefaultEventHeartbeat = 20 * time.Second
	// DefaultMaxConns is the default of Config.MaxConns: 262,144.
	DefaultMaxConns = 256 << 10
	// DefaultMaxRetainedBytes is the default of Config.MaxRetainedBytes: 64 KiB.
	DefaultMaxRetainedBytes = 64 << 10
	// DefaultMaxMessageBytes is the default of WebSocketConfig.MaxMessageBytes: 64 KiB.
	DefaultMaxMessageBytes = 64 << 10
	// DefaultPingInterval is the default of WebSocketConfig.PingInterval: 30 seconds.
	DefaultPingInterval = 30 * time.Second
	// DefaultPongTimeout is the default of WebSocketConfig.PongTimeout: 10 seconds.
	DefaultPongTimeout = 10 * time.Second
	// DefaultSocketWriteTimeout is the default of WebSocketConfig.WriteTimeout: 10 seconds.
	DefaultSocketWriteTimeout = 10 * time.Second
	// DefaultCloseTimeout is the default of WebSocketConfig.CloseTimeout: 5 seconds.
	DefaultCloseTimeout = 5 * time.Second
	// DefaultDrainIdle is the default of Config.DrainIdle: 2 seconds.
	DefaultDrainIdle = 2 * time.Second
	// DefaultShutdownTimeout is the default of Config.ShutdownTimeout: 30 seconds.
	DefaultShutdownTimeout = 30 * time.Second
)

// maxSpanBytes is the longest path that a captured parameter can address: spans are 16-bit.
const maxSpanBytes = 1<<16 - 1

// SlashPolicy says what happens to a path that matches no route as it was
// sent, but would match with or without a trailing slash, or once its repeated
// slashes and dot segments are removed.
type SlashPolicy uint8

const (
	// SlashRedirect, the default, answers 308 with the path that matches. OPTIONS
	// requests and upgrades are answered in place, since their clients do not follow.
	SlashRedirect SlashPolicy = iota
	// SlashIgnore serves such a path in place, as if it had been sent clean.
	// Patterns lose their trailing slash too.
	SlashIgnore
	// SlashStrict answers 404.
	SlashStrict
)

// String returns the policy's name as it stands in the source.
func (p SlashPolicy) String() string {
	switch p {
	case SlashRedirect:
		return "SlashRedirect"
	case SlashIgnore:
		return "SlashIgnore"
	case SlashStrict:
		return "SlashStrict"
	default:
		return fmt.Sprintf("SlashPolicy(%d)", uint8(p))
	}
}

// Config holds every setting of an [Engine]. The zero Config is a safe
// production configuration; each field says what its zero means. New copies it
// and nothing changes it afterwards, so a Config may be reused and shared.
//
// A status in parentheses is what a request over that limit is answered with.
type Config struct {
	// Name is the service's name in the banner and in the log. Empty means "geist".
	Name string

	// ServerHeader is the value of the Server response header. Empty sends none.
	ServerHeader string

	// Logger receives the engine's own messages: server errors, panics, warnings at
	// start, and connections that ended badly (at debug level). Client errors are
	// never logged as errors. Nil means slog.Default().
	Logger *slog.Logger

	// JSON encodes and decodes JSON. Nil means [GoJSON], or [StdJSON] in a build with
	// -tags geiststdjson.
	JSON Codec

	// Codecs encode and decode further media types, by name: "application/cbor".
	// Ctx.Bind reads bodies of these types and Ctx.Negotiate answers with them.
	// application/xml and text/xml are there unless they are named here;
	// application/json is the JSON field's. A codec is given what a struct's own tags
	// say; it never sets fields with a path, query, header, cookie or form tag. One
	// that writes text/html escapes what it is given; one with forms for some types alone is a
	// [PartialCodec].
	Codecs map[string]Codec

	// StrictJSON makes Ctx.Bind refuse JSON keys that no field has (422). False ignores
	// them.
	StrictJSON bool

	// Validator checks what Ctx.Bind and typed handlers are given, by the rules in its
	// tags (422). Nil checks nothing: then a typed handler whose input has validate tags
	// fails at start. validate.New makes one.
	Validator Validator

	// Renderer makes the pages of Ctx.Render. What is wrong with its templates is known at
	// start. Nil makes every Render fail. view.New makes one. Each engine that is mounted
	// has its own.
	Renderer Renderer

	// TrailingSlash says what happens to paths that are a slash away from a route.
	// Zero means SlashRedirect.
	TrailingSlash SlashPolicy

	// CaseInsensitive matches the fixed text of patterns without regard to ASCII
	// case. Parameters keep the case that was sent; Ctx.Path is lower case.
	CaseInsensitive bool

	// UnsafeStrings makes the strings that a Ctx returns views of the request's
	// buffer: they change once the handler has returned, and in a WebSocket once the
	// connection has begun. It saves one copy of a few nanoseconds each and is for those who
	// have measured that they need it.
	UnsafeStrings bool

	// TrustedProxies lists the addresses (CIDR or single IP, or "unix" for peers on
	// a unix socket) whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host
	// headers are believed by Ctx.ClientIP, Ctx.Scheme and Ctx.Host. Empty trusts
	// nobody, which is right for a server that faces its clients directly.
	TrustedProxies []string

	// TLSConfig is where ListenTLS starts from: client certificates (ClientAuth,
	// ClientCAs), the least version, certificates by name (GetCertificate). New clones
	// it. HTTP/2 is taken out of NextProtos. Nil means Go's defaults.
	TLSConfig *tls.Config

	// MaxHeaderBytes bounds the header fields of one request (431). Zero means 16 KiB.
	// The sum of MaxHeaderBytes and MaxURIBytes is the size of a connection's read buffer.
	MaxHeaderBytes int

	// MaxURIBytes bounds the request target (414). Zero means 16 KiB; the most is 65,535.
	MaxURIBytes int

	// MaxBodyBytes bounds a request's body (413), unless the route's BodyLimit does.
	// Zero means 4 MiB. Memory grows with what has come, not with what is announced.
	MaxBodyBytes int

	// DecompressBodies makes the engine decompress request bodies that come with a
	// Content-Encoding of gzip, deflate, br or zstd, at most two, before handlers see
	// them: without the field then, and within the body's limit (413). Other encodings
	// are refused (415). Bodies of StreamBody routes are left as they are. False leaves
	// all as they are, and Ctx.Bind refuses them (415).
	DecompressBodies bool

	// MaxFields bounds the fields of a query, and those of a form (400). Zero means
	// 1,000. A multipart form has at most 1,000 parts, files included, in any case.
	MaxFields int

	// MaxJSONDepth bounds how deep arrays and objects are nested in JSON that Ctx.Bind
	// reads (400). Zero means 512.
	MaxJSONDepth int

	// ReadTimeout bounds reading one request, header and body, without the time that
	// handlers take (408). On StreamBody routes it bounds each wait for a part of the
	// body. Zero means 30 seconds; negative disables it.
	ReadTimeout time.Duration

	// WriteTimeout bounds writing one response once its handler has returned, of a
	// stream each flush, and of a large file each 128 KiB (the connection is closed). On
	// Linux it also bounds how long the client of a stream of events may acknowledge
	// nothing. Zero means 30 seconds; negative disables it.
	WriteTimeout time.Duration

	// IdleTimeout bounds the wait for the next request on a keep-alive connection,
	// which is then closed. Zero means 75 seconds; negative disables it.
	IdleTimeout time.Duration

	// EventHeartbeat is how often a stream of events sends a comment, give or take a
	// quarter, so that nobody between takes the connection for dead and a client that
	// vanished without a word is found out. Zero means 20 seconds; negative sends none.
	EventHeartbeat time.Duration

	// MaxConns bounds the connections that are served at once (503), and apart from them
	// the WebSockets (503). Zero means 262,144.
	MaxConns int

	// MaxConnsPerIP bounds the connections of one IP address (429, or on TLS a closed
	// connection). Zero means no bound. It applies to connections of Run, Listen and Serve.
	MaxConnsPerIP int

	// MaxRequestsPerConn bounds the requests of one connection, the last of which is
	// answered with Connection: close. Zero means no bound.
	MaxRequestsPerConn int

	// MaxRetainedBytes is the largest body buffer that a connection keeps for its
	// next request; larger ones are released when the request is done. Zero means 64 KiB.
	MaxRetainedBytes int

	// WebSocket holds the settings of WebSockets.
	WebSocket WebSocketConfig

	// DrainDelay is how long Shutdown goes on accepting connections after Ready has
	// turned false, so that load balancers notice. Zero means no delay.
	DrainDelay time.Duration

	// DrainIdle is how long Shutdown lets idle keep-alive connections send one last
	// request, which is answered with Connection: close, before it closes them. It
	// never outlasts the deadline given to Shutdown. Zero means 2 seconds; negative
	// closes idle connections at once.
	DrainIdle time.Duration

	// ShutdownTimeout bounds the drain that Run starts on SIGINT or SIGTERM, from the
	// signal to the last connection; what is left is then cut. Zero means 30 seconds.
	ShutdownTimeout time.Duration

	// DisableBanner keeps Run from printing its address and routes at start.
	DisableBanner bool
}

// WebSocketConfig holds the settings of an engine's WebSockets. Those of a mounted engine
// do not count: the parent owns the connections.
type WebSocketConfig struct {
	// MaxMessageBytes bounds one message of a client, before and after it is inflated
	// (close code 1009). Zero means 64 KiB.
	MaxMessageBytes int

	// PingInterval is the time between two pings, which keep the connection alive in
	// proxies and find out clients that have vanished. Zero means 30 seconds; negative
	// sends none.
	PingInterval time.Duration

	// PongTimeout is how long a client may be silent after a ping, while the handler
	// waits in Conn.Read; then the connection is cut. Zero means 10 seconds.
	PongTimeout time.Duration

	// WriteTimeout is how long a write waits for a client that takes nothing, and on Linux
	// how long one may acknowledge nothing; then the connection is cut. Zero means 10
	// seconds; negative waits for ever.
	WriteTimeout time.Duration

	// CloseTimeout bounds the wait for the client's close frame once the handler has
	// returned. Zero means 5 seconds.
	CloseTimeout time.Duration
}

// resolve fills in and checks the settings.
func (cfg *WebSocketConfig) resolve() (problems []string) {
	cfg.MaxMessageBytes = orDefault(cfg.MaxMessageBytes, DefaultMaxMessageBytes)
	cfg.PingInterval = orDefault(cfg.PingInterval, DefaultPingInterval)
	cfg.PongTimeout = orDefault(cfg.PongTimeout, DefaultPongTimeout)
	cfg.WriteTimeout = orDefault(cfg.WriteTimeout, DefaultSocketWriteTimeout)
	cfg.CloseTimeout = orDefault(cfg.CloseTimeout, DefaultCloseTimeout)
	if cfg.MaxMessageBytes < 0 {
		problems = append(problems, fmt.Sprintf("Config.WebSocket.MaxMessageBytes is %d: use a positive number, or 0 for the default", cfg.MaxMessageBytes))
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"PongTimeout", cfg.PongTimeout}, {"CloseTimeout", cfg.CloseTimeout}} {
		if f.value < 0 {
			problems = append(problems, fmt.Sprintf("Config.WebSocket.%s is %s: use a positive duration, or 0 for the default", f.name, f.value))
		}
	}
	return problems
}

// settings is a Config with its zeroes replaced and its parts parsed.
type settings struct {
	Config
	proxies  trustedProxies
	offers   []offer // what Ctx.Negotiate chooses from
	warnings []string
}

// resolve replaces the zeroes of cfg and reports every value that cannot be
// used, each with a sentence that says what to change.
func (cfg Config) resolve() (settings, []string) {
	var problems []string
	cfg.Name = orDefault(cfg.Name, "geist")
	if cfg.JSON == nil {
		cfg.JSON = defaultCodec()
	}
	problems = append(problems, cfg.resolveCodecs()...)
	problems = append(problems, cfg.resolveRenderer()...)
	if cfg.TLSConfig != nil {
		cfg.TLSConfig = cfg.TLSConfig.Clone()
	}
	if cfg.TrailingSlash > SlashStrict {
		problems = append(problems, fmt.Sprintf("Config.TrailingSlash is %d: use SlashRedirect, SlashIgnore or SlashStrict", cfg.TrailingSlash))
	}
	if !validFieldValue(cfg.ServerHeader) {
		problems = append(problems, "Config.ServerHeader holds a control character: remove it")
	}
	problems = append(problems, cfg.resolveLimits()...)
	problems = append(problems, cfg.resolveTimes()...)
	problems = append(problems, cfg.WebSocket.resolve()...)
	proxies, warnings, bad := parseTrustedProxies(cfg.TrustedProxies)
	return settings{Config: cfg, proxies: proxies, offers: makeOffers(&cfg), warnings: warnings}, append(problems, bad...)
}

// resolveCodecs copies the codecs, adds those of XML and checks the media types.
func (cfg *Config) resolveCodecs() (problems []string) {
	codecs := map[string]Codec{mimeXML: XML(), mimeTextXML: XML()}
	for name, codec := range cfg.Codecs {
		switch {
		case !validMediaType(name):
			problems = append(problems, fmt.Sprintf("Config.Codecs holds %q: use a media type in lower case without parameters, such as application/cbor", name))
		case name == mimeJSON || name == mimeForm || name == mimeMultipart:
			problems = append(problems, fmt.Sprintf("Config.Codecs holds %s: Config.JSON decodes JSON, and the engine forms", name))
		case codec == nil:
			problems = append(problems, fmt.Sprintf("Config.Codecs holds no codec for %s: remove it or name one", name))
		default:
			codecs[name] = codec
		}
	}
	cfg.Codecs = codecs
	return problems
}

// validMediaType reports whether a name is a media type in lower case without parameters.
func validMediaType(name string) bool {
	kind, sub, _ := strings.Cut(name, "/")
	return validToken(kind) && validToken(sub) && name == strings.ToLower(name)
}

// resolveLimits fills in and checks the fields that count things.
func (cfg *Config) resolveLimits() (problems []string) {
	for _, f := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"MaxHeaderBytes", &cfg.MaxHeaderBytes, DefaultMaxHeaderBytes},
		{"MaxURIBytes", &cfg.MaxURIBytes, DefaultMaxURIBytes},
		{"MaxBodyBytes", &cfg.MaxBodyBytes, DefaultMaxBodyBytes},
		{"MaxFields", &cfg.MaxFields, DefaultMaxFields},
		{"MaxJSONDepth", &cfg.MaxJSONDepth, DefaultMaxJSONDepth},
		{"MaxConns", &cfg.MaxConns, DefaultMaxConns},
		{"MaxConnsPerIP", &cfg.MaxConnsPerIP, 0},
		{"MaxRequestsPerConn", &cfg.MaxRequestsPerConn, 0},
		{"MaxRetainedBytes", &cfg.MaxRetainedBytes, DefaultMaxRetainedBytes},
	} {
		if *f.value < 0 {
			problems = append(problems, fmt.Sprintf("Config.%s is %d: use a positive number, or 0 for the default", f.name, *f.value))
		}
		*f.value = orDefault(*f.value, f.fallback)
	}
	if cfg.MaxURIBytes > maxSpanBytes {
		problems = append(problems, fmt.Sprintf("Config.MaxURIBytes is %d: the most is %d", cfg.MaxURIBytes, maxSpanBytes))
	}
	return problems
}

// resolveTimes fills in and checks the durations.
func (cfg *Config) resolveTimes() (problems []string) {
	cfg.ReadTimeout = orDefault(cfg.ReadTimeout, DefaultReadTimeout)
	cfg.WriteTimeout = orDefault(cfg.WriteTimeout, DefaultWriteTimeout)
	cfg.IdleTimeout = orDefault(cfg.IdleTimeout, DefaultIdleTimeout)
	cfg.EventHeartbeat = orDefault(cfg.EventHeartbeat, DefaultEventHeartbeat)
	cfg.DrainIdle = orDefault(cfg.DrainIdle, DefaultDrainIdle)
	cfg.ShutdownTimeout = orDefault(cfg.ShutdownTimeout, DefaultShutdownTimeout)
	if cfg.DrainDelay < 0 {
		problems = append(problems, fmt.Sprintf("Config.DrainDelay is %s: use a positive duration, or 0 for none", cfg.DrainDelay))
	}
	if cfg.ShutdownTimeout < 0 {
		problems = append(problems, fmt.Sprintf("Config.ShutdownTimeout is %s: use a positive duration, or 0 for the default", cfg.ShutdownTimeout))
	}
	return problems
}

// logger returns the configured logger, or the process's default one as it is now.
func (s *settings) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.Default()
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// trustedProxies says whose forwarding headers are believed.
type trustedProxies struct {
	prefixes []netip.Prefix
	unix     bool
}

// none reports that nobody is trusted, the usual case and the fast one.
func (t *trustedProxies) none() bool { return len(t.prefixes) == 0 && !t.unix }

// contains reports whether ip is a trusted proxy. It is one of plainAddr, so that addresses
// that map IPv4 into IPv6 are compared as IPv4.
func (t *trustedProxies) contains(ip netip.Addr) bool {
	for i := range t.prefixes {
		if t.prefixes[i].Contains(ip) {
			return true
		}
	}
	return false
}

// trusts reports whether the fields of a connection are believed, by its other end.
func (t *trustedProxies) trusts(addr netip.Addr, unix bool) bool {
	return unix && t.unix || len(t.prefixes) > 0 && addr.IsValid() && t.contains(addr)
}

// parseTrustedProxies reads Config.TrustedProxies. Trusting every address lets
// any client choose its own IP, so that is a warning.
func parseTrustedProxies(list []string) (t trustedProxies, warnings, problems []string) {
	for _, s := range list {
		if s == "unix" {
			t.unix = true
			continue
		}
		p, err := parsePrefix(s)
		if err != nil {
			problems = append(problems, fmt.Sprintf("Config.TrustedProxies holds %q: use a CIDR such as 10.0.0.0/8, an IP address, or \"unix\"", s))
			continue
		}
		if p.Bits() == 0 {
			warnings = append(warnings, fmt.Sprintf("Config.TrustedProxies holds %s: every client can now choose its own ClientIP, Scheme and Host", s))
		}
		t.prefixes = append(t.prefixes, p)
	}
	return t, warnings, problems
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}
