package jwt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
)

// Defaults of [JWKSConfig].
const (
	// DefaultRefreshEvery is the default of JWKSConfig.RefreshEvery: 15 minutes.
	DefaultRefreshEvery = 15 * time.Minute
	// DefaultUnknownEvery is the default of JWKSConfig.UnknownEvery: a minute.
	DefaultUnknownEvery = time.Minute
	// DefaultMaxStale is the default of JWKSConfig.MaxStale: 24 hours.
	DefaultMaxStale = 24 * time.Hour
	// DefaultFetchTimeout is the default of JWKSConfig.Timeout: 10 seconds.
	DefaultFetchTimeout = 10 * time.Second
	// DefaultMaxSetBytes is the default of JWKSConfig.MaxBytes: 256 KiB.
	DefaultMaxSetBytes = 256 << 10
)

// JWKSConfig holds the settings of a JWKS. URLs is required.
type JWKSConfig struct {
	// URLs are where the sets of keys (RFC 7517) are: https, or http on this machine. Of keys
	// with one kid the first set's counts.
	URLs []string

	// RefreshEvery is how old a set may grow before it is fetched again, beside the requests
	// that go on with the old one. A key that is no longer in it is then forgotten. Zero means
	// 15 minutes.
	RefreshEvery time.Duration

	// UnknownEvery is the least time between two fetches of a set, however many tokens name
	// keys that nobody knows: within it those are refused at once. Zero means a minute.
	UnknownEvery time.Duration

	// MaxStale is how long a set is used that cannot be fetched any more; then tokens are
	// answered 503. Zero means 24 hours. It is at least RefreshEvery.
	MaxStale time.Duration

	// Timeout bounds one fetch. Zero means 10 seconds.
	Timeout time.Duration

	// MaxBytes bounds the answer. Zero means 256 KiB.
	MaxBytes int

	// Client fetches the sets. Nil means one that follows no redirects.
	Client *http.Client

	// Logger is told of fetches that have failed and of keys that cannot be used, as
	// warnings. Nil means slog.Default().
	Logger *slog.Logger
}

// JWKS is keys that their issuer publishes. It fetches them when they are first needed, when
// they have grown old, and when a token names a key that it does not know; never twice at
// once. It is safe for many goroutines, may serve several middlewares, and ends with Close.
type JWKS struct {
	conf    JWKSConfig
	client  *http.Client
	remotes []*remote
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool          // guarded by mu
	ended   chan struct{} // guarded by mu; closed, and replaced, when a fetch has ended
	fetches sync.WaitGroup
}

// remote is one address with what is known of it.
type remote struct {
	url string

	mu      sync.Mutex
	set     *keySet   // guarded by mu; nil until there is one
	fetched time.Time // guarded by mu; when the fetch of set began
	tried   time.Time // guarded by mu; when the last fetch began
	running bool      // guarded by mu; a fetch is under way
}

// NewJWKS returns the keys at some addresses, without fetching them yet. It panics for what
// cannot be used.
func NewJWKS(config JWKSConfig) *JWKS {
	if problem := config.resolve(); problem != "" {
		panic("jwt: " + problem)
	}
	j := &JWKS{conf: config, client: config.Client, ended: make(chan struct{})}
	if j.client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		j.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	for _, u := range config.URLs {
		j.remotes = append(j.remotes, &remote{url: u})
	}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// resolve fills in the defaults and says what is wrong, or "".
func (conf *JWKSConfig) resolve() string {
	if len(conf.URLs) == 0 {
		return "JWKSConfig.URLs is empty: give the addresses of the keys"
	}
	for _, u := range conf.URLs {
		if !safeURL(u) {
			return fmt.Sprintf("JWKSConfig.URLs holds %q: use https, so that nobody on the way exchanges the keys, or http on this machine", u)
		}
	}
	conf.URLs = slices.Clone(conf.URLs)
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"RefreshEvery", &conf.RefreshEvery, DefaultRefreshEvery},
		{"UnknownEvery", &conf.UnknownEvery, DefaultUnknownEvery},
		{"MaxStale", &conf.MaxStale, DefaultMaxStale},
		{"Timeout", &conf.Timeout, DefaultFetchTimeout},
	} {
		if *d.value < 0 {
			return "JWKSConfig." + d.name + " is negative: use a positive duration, or 0 for the default"
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if conf.MaxBytes < 0 {
		return "JWKSConfig.MaxBytes is negative: use a positive number, or 0 for the default"
	}
	if conf.MaxBytes == 0 {
		conf.MaxBytes = DefaultMaxSetBytes
	}
	conf.MaxStale = max(conf.MaxStale, conf.RefreshEvery)
	return ""
}

// safeURL reports whether nobody between can change what is fetched from an address.
func safeURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Close ends what is being fetched and waits for it. Keys that are known are good until they
// are too old, no others are fetched. It may be called more than once and returns nil.
func (j *JWKS) Close() error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.cancel()
	j.fetches.Wait()
	if j.conf.Client == nil {
		j.client.CloseIdleConnections()
	}
	return nil
}

func (j *JWKS) algorithms() []string { return []string{"ES256", "ES384", "ES512", "EdDSA", "RS256"} }

// fits takes all but secrets: a set that is published holds none.
func (j *JWKS) fits(alg string) bool { return alg[0] != 'H' }

func (j *JWKS) find(c *geist.Ctx, t *gojwt.Token) (any, error) {
	key, err := j.lookupAfter(c, t, j.refresh)
	if errors.Is(err, errUnknownKey) {
		return j.lookupAfter(c, t, j.refreshUnknown)
	}
	return key, err
}

// lookupAfter looks for a token's key, again and again until the fetches that begin waits for
// have ended. An address that does not answer holds up nobody whose key is known elsewhere.
func (j *JWKS) lookupAfter(c *geist.Ctx, t *gojwt.Token, begin func(*remote) (waits bool)) (any, error) {
	waits := false
	for _, r := range j.remotes {
		waits = begin(r) || waits
	}
	for {
		ended := j.nextEnd()
		fetching := j.fetching() // before looking: what has ended by now is seen
		key, err := j.lookup(t)
		if err == nil || errors.Is(err, errKeyType) || !waits || !fetching {
			return key, err
		}
		ctx := c.Context()
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errNoKeys, context.Cause(ctx))
		}
	}
}

// nextEnd returns a channel that is closed when a fetch ends.
func (j *JWKS) nextEnd() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ended
}

// fetching reports whether a fetch is under way.
func (j *JWKS) fetching() bool {
	for _, r := range j.remotes {
		r.mu.Lock()
		running := r.running
		r.mu.Unlock()
		if running {
			return true
		}
	}
	return false
}

// lookup looks for a token's key in what is known.
func (j *JWKS) lookup(t *gojwt.Token) (any, error) {
	err := errNoKeys
	for _, r := range j.remotes {
		set := r.known(j.conf.MaxStale)
		if set == nil {
			continue
		}
		key, e := set.find(t)
		if !errors.Is(e, errUnknownKey) {
			return key, e
		}
		err = errUnknownKey
	}
	return nil, err
}

// known returns the set, unless there is none or it is too old.
func (r *remote) known(maxStale time.Duration) *keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.knownLocked(maxStale)
}

// knownLocked is known with r.mu held.
func (r *remote) knownLocked(maxStale time.Duration) *keySet {
	if r.set == nil || time.Since(r.fetched) >= maxStale {
		return nil
	}
	return r.set
}

// retryAfter is the least time between two fetches while there is no set.
const retryAfter = time.Second

// refresh begins a fetch if the set is old. If there is none, the fetch is to be waited for.
func (j *JWKS) refresh(r *remote) (waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.knownLocked(j.conf.MaxStale) != nil
	if known && time.Since(r.fetched) < j.conf.RefreshEvery {
		return false
	}
	pause := j.conf.UnknownEvery
	if !known {
		pause = min(pause, retryAfter)
	}
	j.fetchLocked(r, pause)
	return !known
}

// refreshUnknown begins a fetch for a key that is not in the set, unless there has been one
// lately, and reports whether one is under way.
func (j *JWKS) refreshUnknown(r *remote) (waits bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.fetchLocked(r, j.conf.UnknownEvery)
	return r.running
}

// fetchLocked begins a fetch, unless one is under way or the last one began less than a pause
// ago. r.mu must be held.
func (j *JWKS) fetchLocked(r *remote, pause time.Duration) {
	now := time.Now()
	if r.running || !r.tried.IsZero() && now.Sub(r.tried) < pause {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	r.tried, r.running = now, true
	j.fetches.Go(func() { j.fetch(r, now) }) // ends with Config.Timeout or Close
}

// fetch replaces the set of r, if it can be had.
func (j *JWKS) fetch(r *remote, began time.Time) {
	ctx, cancel := context.WithTimeout(j.ctx, j.conf.Timeout)
	defer cancel()
	set, unusable, err := download(ctx, j.client, r.url, j.conf.MaxBytes)
	log := j.conf.Logger
	if log == nil {
		log = slog.Default()
	}
	switch {
	case err != nil && j.ctx.Err() == nil:
		log.Warn("keys of tokens not fetched", "url", r.url, "error", err)
	case unusable > 0:
		log.Warn("keys of tokens that cannot be used", "url", r.url, "keys", unusable)
	}
	r.mu.Lock()
	if err == nil {
		r.set, r.fetched = set, began
	}
	r.running = false
	r.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.ended)
	j.ended = make(chan struct{})
}
