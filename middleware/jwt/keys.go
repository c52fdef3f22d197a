package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
)

// Keys verify the signatures of tokens. Key, KeyRing and NewJWKS return some.
type Keys interface {
	// find returns the key for a token whose signature has not been verified.
	find(c *geist.Ctx, t *gojwt.Token) (any, error)
	// algorithms returns the algorithms that are taken if none are named.
	algorithms() []string
	// fits reports whether an algorithm is one of some key's.
	fits(alg string) bool
}

var (
	errUnknownKey = errors.New("jwt: no key for the token")
	errKeyType    = errors.New("jwt: the token's key is not for its algorithm")
	errNoKeys     = errors.New("jwt: the keys could not be had")
)

// knownAlgorithms are all that Config.Algorithms may name.
var knownAlgorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// algorithmsProblem says why tokens could not be signed with the algorithms, or "".
func algorithmsProblem(algs []string, keys Keys) string {
	for _, alg := range algs {
		switch {
		case !slices.Contains(knownAlgorithms, alg):
			return fmt.Sprintf("Config.Algorithms holds %q: use %s", alg, strings.Join(knownAlgorithms, ", "))
		case !keys.fits(alg):
			return fmt.Sprintf("Config.Algorithms holds %s, for which there is no key: remove it or give one", alg)
		}
	}
	return ""
}

func algorithms(algs []string, keys Keys) []string {
	if len(algs) == 0 {
		return keys.algorithms()
	}
	return slices.Clone(algs)
}

// The least that keys must have.
const (
	minSecretBytes = 32
	minRSABits     = 2048
)

// algorithmsOf returns the algorithms that a key is for, the usual one first. It says what is
// wrong with one that is for none.
func algorithmsOf(key any) ([]string, error) {
	switch k := key.(type) {
	case []byte:
		if len(k) < minSecretBytes {
			return nil, fmt.Errorf("the secret has %d bytes: use at least %d random ones", len(k), minSecretBytes)
		}
		return []string{"HS256", "HS384", "HS512"}, nil
	case *rsa.PublicKey:
		if k == nil || k.N == nil || k.N.BitLen() < minRSABits {
			return nil, fmt.Errorf("the RSA key is shorter than %d bits", minRSABits)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		if k != nil && k.Curve != nil {
			switch k.Curve.Params().BitSize {
			case 256:
				return []string{"ES256"}, nil
			case 384:
				return []string{"ES384"}, nil
			case 521:
				return []string{"ES512"}, nil
			}
		}
		return nil, errors.New("the curve of the ECDSA key is none of P-256, P-384 and P-521")
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("the Ed25519 key has %d bytes, not %d", len(k), ed25519.PublicKeySize)
		}
		return []string{"EdDSA"}, nil
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return nil, errors.New("the key is a private one: give its public key, for that is enough to verify")
	}
	return nil, fmt.Errorf("the key is a %T: use []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey", key)
}

// keyFor returns a key if it is one for the token's algorithm.
func keyFor(t *gojwt.Token, key any) (any, error) {
	if algs, err := algorithmsOf(key); err != nil || !slices.Contains(algs, t.Method.Alg()) {
		return nil, errKeyType
	}
	return key, nil
}

// ring is keys that do not change.
type ring struct {
	keys map[string]any // by kid
	one  bool           // whatever the kid, it is the only one
}

// Key returns the one key of all tokens, whatever their kid: an *rsa.PublicKey of 2,048 bits or
// more, an *ecdsa.PublicKey of P-256, P-384 or P-521, an ed25519.PublicKey, or a secret of at
// least 32 bytes ([]byte), with which whoever verifies can sign, too. It panics for others.
func Key(key any) Keys {
	return &ring{map[string]any{"": checkedKey("Key", key)}, true}
}

// KeyRing returns keys by their kid, for tokens that name one; that of the empty kid is for
// those that name none. While keys are rotated both are in it. It panics for what Key panics
// for, and without a key.
func KeyRing(keys map[string]any) Keys {
	if len(keys) == 0 {
		panic("jwt: KeyRing was given no keys: no token would be valid")
	}
	r := &ring{keys: make(map[string]any, len(keys))}
	for _, kid := range slices.Sorted(maps.Keys(keys)) {
		r.keys[kid] = checkedKey(fmt.Sprintf("KeyRing %q", kid), keys[kid])
	}
	return r
}

// checkedKey returns a key that can be used, copied if it could be changed, or panics.
func checkedKey(name string, key any) any {
	if _, err := algorithmsOf(key); err != nil {
		panic("jwt: " + name + ": " + err.Error())
	}
	switch k := key.(type) {
	case []byte:
		return slices.Clone(k)
	case ed25519.PublicKey:
		return slices.Clone(k)
	}
	return key
}

func (r *ring) find(_ *geist.Ctx, t *gojwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	if r.one {
		kid = ""
	}
	key, ok := r.keys[kid]
	if !ok {
		return nil, errUnknownKey
	}
	return keyFor(t, key)
}

func (r *ring) algorithms() []string {
	var all []string
	for _, key := range r.keys {
		algs, _ := algorithmsOf(key) // checked
		if !slices.Contains(all, algs[0]) {
			all = append(all, algs[0])
		}
	}
	slices.Sort(all)
	return all
}

func (r *ring) fits(alg string) bool {
	for _, key := range r.keys {
		if algs, _ := algorithmsOf(key); slices.Contains(algs, alg) {
			return true
		}
	}
	return false
}
