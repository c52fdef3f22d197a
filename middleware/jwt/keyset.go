package jwt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	gojwt "github.com/golang-jwt/jwt/v5"
)

// keySet is one published set. It is replaced as a whole, so that a key that has gone from it
// is gone here, too.
type keySet struct {
	keys keyfunc.Keyfunc
	only *jwkset.JWK // the key, if there is one alone, for tokens that name none
}

// maxKeys bounds the keys of a set.
const maxKeys = 100

// download fetches a set. Keys that are for something else, too weak, secret, or of types that
// nobody knows are left out and counted.
func download(ctx context.Context, client *http.Client, url string, maxBytes int) (set *keySet, unusable int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("jwt: the keys were answered with status %d", answer.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, int64(maxBytes)+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxBytes {
		return nil, 0, fmt.Errorf("jwt: the keys are longer than %d bytes", maxBytes)
	}
	return parseSet(ctx, b)
}

func parseSet(ctx context.Context, b []byte) (set *keySet, unusable int, err error) {
	var document struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &document); err != nil {
		return nil, 0, fmt.Errorf("jwt: the keys are no JSON: %w", err)
	}
	if document.Keys == nil || len(*document.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("jwt: the keys are not a set of at most %d", maxKeys)
	}
	storage, set, usable := jwkset.NewMemoryStorage(), new(keySet), 0
	for _, raw := range *document.Keys {
		key, err := parseKey(raw)
		if err != nil {
			unusable++
			continue
		}
		if err := storage.KeyWrite(ctx, key); err != nil {
			return nil, 0, err
		}
		set.only = &key
		usable++
	}
	if usable != 1 {
		set.only = nil
	}
	set.keys, err = keyfunc.New(keyfunc.Options{Storage: storage})
	return set, unusable, err
}

var errUnusable = errors.New("jwt: a key that is not for the signatures of tokens")

// parseKey reads a public key that verifies signatures.
func parseKey(raw json.RawMessage) (jwkset.JWK, error) {
	var document jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &document); err != nil {
		return jwkset.JWK{}, err
	}
	if document.USE != "" && document.USE != jwkset.UseSig {
		return jwkset.JWK{}, errUnusable
	}
	document.X5U = "" // nothing else is fetched
	key, err := jwkset.NewJWKFromMarshal(document, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, err
	}
	if _, secret := key.Key().([]byte); secret {
		return jwkset.JWK{}, errUnusable
	}
	_, err = algorithmsOf(key.Key())
	return key, err
}

// find returns the key of a token.
func (s *keySet) find(t *gojwt.Token) (any, error) {
	if _, named := t.Header["kid"]; !named {
		if s.only == nil {
			return nil, errUnknownKey
		}
		if alg := s.only.Marshal().ALG; alg != "" && alg.String() != t.Method.Alg() {
			return nil, errKeyType
		}
		return keyFor(t, s.only.Key())
	}
	key, err := s.keys.Keyfunc(t)
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return nil, errUnknownKey
	case err != nil: // the key is for another algorithm
		return nil, fmt.Errorf("%w: %w", errKeyType, err)
	}
	return keyFor(t, key)
}
