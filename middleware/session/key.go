package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Key is a typed value of sessions, under a name. Make keys once, as package variables:
//
//	var cart = session.NewKey[[]string]("cart")
//
// Values are stored as JSON, with encoding/json. Keys of one name are the same value: what was
// stored by one release of a program is read by the next. A Key is safe for many goroutines.
type Key[T any] struct{ name string }

// NewKey returns the key of a name. It panics if the name is empty or begins with "geist.".
func NewKey[T any](name string) Key[T] {
	if name == "" || strings.HasPrefix(name, ownPrefix) {
		panic(fmt.Sprintf("session: NewKey was given %q: use a name that is not empty and does not begin with %s", name, ownPrefix))
	}
	return Key[T]{name}
}

// Get returns the value, and whether there is one. One that is no T any more counts as none,
// which is logged.
func (k Key[T]) Get(s *Session) (T, bool) {
	value, ok, err := decode[T](s.rec.Values[k.name])
	if err != nil {
		s.c.Logger().Warn("a value of a session counts as none", "key", k.name, "error", err.Error())
	}
	return value, ok
}

// Set puts a value into the session. It fails, and changes nothing, if the value cannot be JSON
// or with ErrTooLarge.
func (k Key[T]) Set(s *Session, v T) error {
	value, err := encode(k.name, v)
	if err != nil {
		return err
	}
	return s.apply(change{k.name, func(json.RawMessage) (json.RawMessage, error) { return value, nil }})
}

// Update puts into the session what f makes of the old value, zero if there is none. f runs at
// once, and again on what another request has left if that was faster: it has no other effects, and
// what it knows of the old value is its argument alone. Update fails as Set does, and if
// the old value is no T.
func (k Key[T]) Update(s *Session, f func(old T) T) error {
	return s.apply(change{k.name, func(old json.RawMessage) (json.RawMessage, error) {
		value, _, err := decode[T](old)
		if err != nil {
			return nil, fmt.Errorf("session: %q: %w", k.name, err)
		}
		return encode(k.name, f(value))
	}})
}

// Delete takes the value out of the session.
func (k Key[T]) Delete(s *Session) {
	_ = s.apply(change{k.name, remove}) // it makes room, and cannot fail
}

func remove(json.RawMessage) (json.RawMessage, error) { return nil, nil }

func encode[T any](name string, v T) (json.RawMessage, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("session: %q: %w", name, err)
	}
	return value, nil
}

// decode returns a value, and whether there is one. It is zero if there is not.
func decode[T any](raw json.RawMessage) (value T, ok bool, err error) {
	if raw == nil {
		return value, false, nil
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		var zero T
		return zero, false, err
	}
	return value, true, nil
}

// apply changes what the request sees, and notes the change if it is one.
func (s *Session) apply(ch change) error {
	old := s.rec.Values[ch.name]
	if err := s.rec.apply(ch, s.m.conf.MaxBytes); err != nil {
		return err
	}
	if !bytes.Equal(s.rec.Values[ch.name], old) {
		s.changes = append(s.changes, ch)
	}
	return nil
}
