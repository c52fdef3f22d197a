package keyauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/gogeist/geist"
)

// minStaticBytes is the shortest key that Static takes: shorter ones are guessed.
const minStaticBytes = 16

// Static returns a Verify for a few keys, given by the names of who has them; it returns the
// name. Keys are compared by their hashes, all of them each time, so that the time tells
// nothing. It panics for keys of less than 16 bytes and for two that are equal: make keys with
// crypto/rand.Text.
func Static(keys map[string]string) func(c *geist.Ctx, key string) (string, error) {
	if len(keys) == 0 {
		panic("keyauth: Static was given no keys: nobody could enter")
	}
	var s staticKeys
	for name, key := range keys {
		if len(key) < minStaticBytes {
			panic(fmt.Sprintf("keyauth: the key of %q is shorter than %d bytes: make one with crypto/rand.Text", name, minStaticBytes))
		}
		if other, ok := s.find(key); ok {
			names := []string{name, other}
			slices.Sort(names)
			panic(fmt.Sprintf("keyauth: %q and %q have the same key", names[0], names[1]))
		}
		s.add(name, key)
	}
	return func(_ *geist.Ctx, key string) (string, error) {
		if name, ok := s.find(key); ok {
			return name, nil
		}
		return "", ErrUnknownKey
	}
}

// staticKeys are the keys of Static, which it does not keep themselves.
type staticKeys struct {
	names  []string
	hashes [][sha256.Size]byte
}

func (s *staticKeys) add(name, key string) {
	s.names = append(s.names, name)
	s.hashes = append(s.hashes, sha256.Sum256([]byte(key)))
}

// find returns the name of who has a key. It looks at every key whether or not it has found
// the one.
func (s *staticKeys) find(key string) (string, bool) {
	hash, found := sha256.Sum256([]byte(key)), -1
	for i := range s.hashes {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(s.hashes[i][:], hash[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return s.names[found], true
}
