package basicauth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gogeist/geist"
)

// The form of a hash, and its bounds: fewer iterations are guessed too fast, more take
// seconds.
const (
	hashPrefix    = "pbkdf2-sha256"
	iterations    = 600_000
	minIterations = 100_000
	maxIterations = 10_000_000
	saltBytes     = 16
)

// Hash returns what Config.Users wants in place of a password: PBKDF2 with HMAC-SHA256,
// 600,000 iterations and a random salt, as "pbkdf2-sha256$600000$salt$hash". It takes some
// 100 ms. Make hashes beforehand and configure them, so that no password is kept.
func Hash(password string) string { return newHash(password, iterations) }

func newHash(password string, iterations int) string {
	h := passwordHash{iterations: iterations, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails
	h.sum = h.derive(password)
	encode := base64.RawStdEncoding.EncodeToString
	return strings.Join([]string{hashPrefix, strconv.Itoa(h.iterations), encode(h.salt), encode(h.sum)}, "$")
}

// passwordHash is a parsed hash.
type passwordHash struct {
	iterations int
	salt, sum  []byte
}

var errHash = errors.New("this is no hash of a password: use what basicauth.Hash returns, with 100,000 to 10,000,000 iterations")

func parseHash(s string) (passwordHash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 4 || parts[0] != hashPrefix {
		return passwordHash{}, errHash
	}
	n, err := strconv.Atoi(parts[1])
	salt, badSalt := base64.RawStdEncoding.DecodeString(parts[2])
	sum, badSum := base64.RawStdEncoding.DecodeString(parts[3])
	if err != nil || badSalt != nil || badSum != nil || n < minIterations || n > maxIterations || len(salt) < 8 || len(sum) != sha256.Size {
		return passwordHash{}, errHash
	}
	return passwordHash{n, salt, sum}, nil
}

// derive computes what the sum would be, were that the password.
func (h passwordHash) derive(password string) []byte {
	sum, err := pbkdf2.Key(sha256.New, password, h.salt, h.iterations, sha256.Size)
	if err != nil {
		return nil // of parameters that FIPS 140 forbids; nothing equals it
	}
	return sum
}

// passwords checks them against Config.Users.
type passwords struct {
	users map[string]passwordHash
	all   []passwordHash // in an order that says nothing
	key   [sha256.Size]byte

	slots   chan struct{} // as many as may be hashed at once
	waiting atomic.Int64
	most    int64 // of waiting

	derive func(h passwordHash, password string) []byte // passwordHash.derive, but in tests
}

func newPasswords(users map[string]string, maxHashing, maxWaiting int) *passwords {
	if maxHashing == 0 {
		maxHashing = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if maxWaiting == 0 {
		maxWaiting = DefaultMaxWaiting
	}
	p := &passwords{
		users:  make(map[string]passwordHash, len(users)),
		slots:  make(chan struct{}, maxHashing),
		most:   int64(max(maxWaiting, 0)),
		derive: passwordHash.derive,
	}
	for user, s := range users {
		h, _ := parseHash(s) // Config.problem has
		p.users[user] = h
		p.all = append(p.all, h)
	}
	slices.SortFunc(p.all, func(a, b passwordHash) int { return a.iterations - b.iterations })
	_, _ = rand.Read(p.key[:]) // never fails
	return p
}

// verify reports whether a password is that of a user. It hashes once, whoever is asked
// for.
// The caller has entered.
func (p *passwords) verify(_ *geist.Ctx, user, password string) (bool, error) {
	h, known := p.users[user]
	if !known {
		h = p.decoy(user)
	}
	same := subtle.ConstantTimeCompare(p.derive(h, password), h.sum) == 1
	return same && known, nil
}

// decoy returns the hash that a name which nobody has is checked against: always the same
// one for a name, so that hashes of different cost do not give it away either.
func (p *passwords) decoy(user string) passwordHash {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(user))
	return p.all[binary.BigEndian.Uint64(mac.Sum(nil))%uint64(len(p.all))]
}

// enter waits until fewer than the most are hashed. It fails when too many wait, and when
// the client leaves.
func (p *passwords) enter(c *geist.Ctx) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.most {
		c.SetHeader("Retry-After", "1")
		return errBusy
	}
	ctx := c.Context()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errUnavailable.Wrap(ctx.Err())
	}
}

func (p *passwords) leave() { <-p.slots }
