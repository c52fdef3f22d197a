package board

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
)

const (
	iterations = 600_000 // which make a guess cost some 100 ms
	saltBytes  = 16
)

// hashForm is how a hash is kept: iterations, salt and sum.
const hashForm = "pbkdf2-sha256:%d:%s"

// newHash returns what is kept of a password.
func newHash(password string, iterations int) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	both := slices.Concat(salt, derive(password, salt, iterations))
	return fmt.Sprintf(hashForm, iterations, base64.RawStdEncoding.EncodeToString(both))
}

// matches reports whether a hash is that of a password. Of no hash it is false, after as
// much work as the usual number of iterations takes.
func matches(hash, password string, usual int) bool {
	n, text := usual, ""
	_, _ = fmt.Sscanf(hash, hashForm, &n, &text) // what cannot be read matches nothing
	both, _ := base64.RawStdEncoding.DecodeString(text)
	if len(both) != saltBytes+sha256.Size {
		n, both = usual, make([]byte, saltBytes+sha256.Size)
	}
	return subtle.ConstantTimeCompare(derive(password, both[:saltBytes], n), both[saltBytes:]) == 1
}

func derive(password string, salt []byte, iterations int) []byte {
	sum, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return nil // of parameters that FIPS 140 forbids; nothing equals it
	}
	return sum
}
