package session

import (
	"encoding/json"
	"slices"
)

// Flash is a message for the next page that a user sees.
type Flash struct {
	// Kind says how to show it: "info", "error", whatever the page knows.
	Kind string `json:"kind"`
	// Text is what to show. It is not escaped.
	Text string `json:"text"`
}

// flashesName is where they are kept.
const flashesName = ownPrefix + "flashes"

// Flash adds a message for the next page. It fails, and adds nothing, with ErrTooLarge.
func (s *Session) Flash(kind, text string) error {
	return s.changeFlashes(func(old []Flash) []Flash { return append(old, Flash{kind, text}) })
}

// Flashes takes the messages out of the session and returns them, the oldest first.
func (s *Session) Flashes() []Flash {
	seen, _, err := decode[[]Flash](s.rec.Values[flashesName])
	if err != nil {
		s.c.Logger().Warn("the flashes of a session count as none", "error", err.Error())
	}
	if len(seen) == 0 {
		return nil
	}
	// Those that another request has added meanwhile stay.
	_ = s.changeFlashes(func(old []Flash) []Flash { // it makes room, and cannot fail
		for _, f := range seen {
			if i := slices.Index(old, f); i >= 0 {
				old = slices.Delete(old, i, i+1)
			}
		}
		return old
	})
	return seen
}

func (s *Session) changeFlashes(f func([]Flash) []Flash) error {
	return s.apply(change{flashesName, func(raw json.RawMessage) (json.RawMessage, error) {
		old, _, _ := decode[[]Flash](raw) // what cannot be read has been logged, or is by Flashes
		now := f(old)
		if len(now) == 0 {
			return nil, nil
		}
		return encode(flashesName, now)
	}})
}
