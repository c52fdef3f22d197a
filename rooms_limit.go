package geist

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/gogeist/geist/hub"
)

// The limits of a policy that says nothing else.
const (
	defaultRoomRate     = 50
	defaultRoomBurst    = 100
	defaultRoomData     = 64 << 10
	defaultRoomFrame    = 128 << 10
	defaultHelloTimeout = 10 * time.Second
	defaultRoomMembers  = 1000
)

// maxBadFrames is how many mistakes end a connection.
const maxBadFrames = 10

// limited returns a policy that says something of each limit.
func limited(p hub.Policy) hub.Policy {
	positive(&p.Rate, defaultRoomRate)
	positive(&p.Burst, defaultRoomBurst)
	positive(&p.MaxData, defaultRoomData)
	positive(&p.MaxFrame, defaultRoomFrame)
	positive(&p.HelloTimeout, defaultHelloTimeout)
	positive(&p.MaxPresence, defaultRoomMembers)
	return p
}

// positive sets what is not a positive number.
func positive[T int | float64 | time.Duration](v *T, value T) {
	if !(*v > 0) { // nor is NaN
		*v = value
	}
}

// bucket is how much a client may do: tokens flow in at a rate, and each command takes one.
// A command that is refused takes one, too, so that who goes on regardless gets into debt.
type bucket struct {
	rate, size float64
	tokens     float64
	last       time.Duration // when they were counted
}

// take takes a token. If there is none, retry is how long until there is; broke says that
// the debt is as large as the bucket.
func (b *bucket) take(now time.Duration) (retry time.Duration, ok, broke bool) {
	b.tokens = min(b.size, b.tokens+b.rate*(now-b.last).Seconds())
	b.last = now
	b.tokens--
	if b.tokens >= 0 {
		return 0, true, false
	}
	wait := min((1-b.tokens)/b.rate, longestRetry.Seconds())
	return time.Duration(wait * float64(time.Second)), false, b.tokens <= -b.size
}

// longestRetry bounds how long a client is told to wait.
const longestRetry = time.Hour

// sessionKey names a session: by the hash of its secret, so that looking it up takes no
// time that tells anything of another's.
type sessionKey struct {
	hub  *hub.Hub
	hash [sha256.Size]byte
}

// sessions are those of a server that can be found. The zero value is ready to use.
type sessions struct {
	mu      sync.Mutex
	bySum   map[sessionKey]*session        // guarded by mu
	streams map[[sha256.Size]byte]*session // guarded by mu; by the hash of the stream's key
}

// put makes s the session of a key.
func (x *sessions) put(key sessionKey, s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bySum == nil {
		x.bySum = map[sessionKey]*session{}
	}
	s.before = x.bySum[key]
	x.bySum[key] = s
}

// before returns a session that had the key of s before and may be at work still, or nil.
func (x *sessions) before(s *session) *session {
	x.mu.Lock()
	defer x.mu.Unlock()
	return s.beforeLocked()
}

// beforeLocked is before. The lock of the sessions must be held.
func (s *session) beforeLocked() *session {
	for s.before != nil && s.before.idle {
		s.before = s.before.before
	}
	return s.before
}

// rest notes that s does no work any more.
func (x *sessions) rest(s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s.idle = true
}

// remove forgets s, which does no work any more. Unless another has taken its key, that is
// again of one before it that may be at work still.
func (x *sessions) remove(key sessionKey, s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s.idle = true
	if x.bySum[key] != s {
		return
	}
	if before := s.beforeLocked(); before != nil {
		x.bySum[key] = before
	} else {
		delete(x.bySum, key)
	}
}

// open makes s known by the key of its stream.
func (x *sessions) open(key string, s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.streams == nil {
		x.streams = map[[sha256.Size]byte]*session{}
	}
	x.streams[sha256.Sum256([]byte(key))] = s
}

// stream returns the session of a stream's key, or nil.
func (x *sessions) stream(key string) *session {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.streams[sha256.Sum256([]byte(key))]
}

// shut forgets the key of a stream.
func (x *sessions) shut(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.streams, sha256.Sum256([]byte(key)))
}
