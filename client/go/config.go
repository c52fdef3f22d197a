package geistclient

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Transport says how a client connects.
type Transport string

// The transports.
const (
	WebSocket   Transport = "ws"   // the default
	EventStream Transport = "sse"  // a stream of events, and POST for what is sent
	Auto        Transport = "auto" // WebSocket, and where that does not get through, EventStream
)

// Config is what Dial takes. The zero Config has the defaults given at each field. Dial returns an
// error for a negative number where none is allowed.
type Config struct {
	// Header is sent with each request of the client. It is not changed, and must not be changed.
	Header http.Header
	// HTTPClient makes the connections. Nil means http.DefaultClient. Its Timeout bounds the beginning of a
	// WebSocket and each POST; for a stream of events it is ignored.
	HTTPClient *http.Client
	// Token, if set, returns the credentials. It is called before each connection, and when 80 % of
	// the time for which the server holds them good have passed. An error fails the attempt, which is
	// made again later. ctx ends with the attempt, and Token must heed that: the client waits for it.
	Token func(ctx context.Context) (string, error)
	// Transport is WebSocket, EventStream or Auto. Empty means WebSocket.
	Transport Transport
	// Binary asks for the compact encoding, in which data is not written as JSON or base64. A server
	// that does not know it, and event streams, are spoken to in JSON.
	Binary bool

	// MinDelay bounds the time before the first attempt to connect again, MaxDelay that before any. The
	// bound doubles with each attempt, the time is chosen at random below it. Zero means 200 ms and
	// 20 s.
	MinDelay, MaxDelay time.Duration
	// ConnectTimeout bounds each attempt to connect, up to the server's welcome. Zero means 10 s.
	ConnectTimeout time.Duration
	// Watchdog is how long the server may be silent, without a message or a heartbeat. Then it is
	// asked, and if nothing comes for 10 s more, the client connects again. Zero means 25 s, negative
	// waits for ever.
	Watchdog time.Duration
	// MaxPending bounds the messages that are published and not yet acknowledged, in all rooms. Publish
	// waits when there are more. Zero means 100.
	MaxPending int
	// Buffer is how many messages wait in each room, and outside of rooms, for somebody to
	// receive them. Zero means 1,024. See "Slow readers" in the documentation of the package.
	Buffer int
	// MaxFrame bounds what is received at once, in bytes. Zero means 16 MiB. Longer ends the connection.
	MaxFrame int
	// Session is the secret by which the server recognises the client after it has connected again: 16
	// to 64 characters from A-Z a-z 0-9 _ -. Empty means one made at random, as it should be outside of
	// tests: two clients with one session put each other out. The ids of a client that is given one begin
	// at the time, so that those of a process that had it before are not used again, unless the clock was
	// set back by more than that process has lasted.
	Session string

	// Logger is told of lost connections and of what cannot be returned to anybody. It is called under
	// a lock: its handler must not use the client. Nil logs nothing.
	Logger *slog.Logger
	// OnState, if set, is told each change of the state, in order, with the error that led to it, or
	// nil. It runs in a goroutine of its own and may call everything.
	OnState func(s State, err error)
	// OnAsk, if set, answers what the application on the server asks this client, in JSON. Of m there
	// is Event and Data. An error is logged, and the server waits until its time has passed; so it does
	// if OnAsk is nil. OnAsk is called by several goroutines, 64 at most; what is more is logged and
	// not answered. ctx ends with the connection, by which the answer goes.
	OnAsk func(ctx context.Context, m Message) ([]byte, error)

	now func() time.Time // nil means time.Now; tests count refs from 1
}

const (
	defaultMinDelay = 200 * time.Millisecond
	defaultMaxDelay = 20 * time.Second
	defaultConnect  = 10 * time.Second
	defaultWatchdog = 25 * time.Second
	defaultPending  = 100
	defaultBuffer   = 1024
	defaultMaxFrame = 16 << 20

	sessionBytes = 24
	minSession   = 16
	maxSession   = 64
)

// resolve checks c and fills in the defaults.
func (c Config) resolve() (Config, error) {
	err := errors.Join(
		positive("MinDelay", &c.MinDelay, defaultMinDelay),
		positive("MaxDelay", &c.MaxDelay, defaultMaxDelay),
		positive("ConnectTimeout", &c.ConnectTimeout, defaultConnect),
		positive("MaxPending", &c.MaxPending, defaultPending),
		positive("Buffer", &c.Buffer, defaultBuffer),
		positive("MaxFrame", &c.MaxFrame, defaultMaxFrame),
	)
	if c.now == nil {
		c.now = time.Now
	}
	if c.Watchdog == 0 {
		c.Watchdog = defaultWatchdog
	}
	if c.Session == "" {
		c.Session = newSession()
	}
	if !validSession(c.Session) {
		err = errors.Join(err, ErrSession)
	}
	switch c.Transport {
	case "":
		c.Transport = WebSocket
	case WebSocket, EventStream, Auto:
	default:
		err = errors.Join(err, fmt.Errorf("geistclient: Config.Transport is %q", c.Transport))
	}
	if c.HTTPClient == nil {
		c.HTTPClient = http.DefaultClient
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, err
}

func positive[T int | time.Duration](name string, v *T, value T) error {
	if *v == 0 {
		*v = value
	}
	if *v < 0 {
		return fmt.Errorf("geistclient: Config.%s is %v", name, *v)
	}
	return nil
}

func newSession() string {
	b := make([]byte, sessionBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func validSession(s string) bool {
	for _, b := range []byte(s) {
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !letter && b != '_' && b != '-' {
			return false
		}
	}
	return len(s) >= minSession && len(s) <= maxSession
}

// address returns the URL with the scheme of HTTP, which both transports understand.
func address(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("geistclient: %w", err)
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, fmt.Errorf("geistclient: %s is no URL of ws, wss, http or https", u.Redacted())
	}
	return u, nil
}
