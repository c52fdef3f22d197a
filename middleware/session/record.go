package session

import (
	"encoding/json"
	"time"
)

// record is a session as it is stored.
//
//	{"created":1767225600000,"values":{"cart":["tea"],"geist.flashes":[{"kind":"info","text":"Saved."}]}}
type record struct {
	Created int64                      `json:"created"` // milliseconds since 1970
	Values  map[string]json.RawMessage `json:"values"`
}

// ownPrefix begins the names of values that this package keeps itself.
const ownPrefix = "geist."

// change is what a request does to one value. It may be asked again, for another old value. An
// old of nil means that there is none, a result of nil that there is to be none.
type change struct {
	name string
	make func(old json.RawMessage) (json.RawMessage, error)
}

func (r *record) created() time.Time { return time.UnixMilli(r.Created) }

func decodeRecord(b []byte) (rec record, err error) {
	err = json.Unmarshal(b, &rec)
	return rec, err
}

// size is what Config.MaxBytes bounds.
func (r *record) size() int {
	n := 0
	for name, value := range r.Values {
		n += len(name) + len(value)
	}
	return n
}

// apply changes a value, or nothing if it fails.
func (r *record) apply(ch change, most int) error {
	old, had := r.Values[ch.name]
	value, err := ch.make(old)
	if err != nil {
		return err
	}
	if value == nil {
		delete(r.Values, ch.name)
		return nil
	}
	if r.Values == nil {
		r.Values = map[string]json.RawMessage{}
	}
	r.Values[ch.name] = value
	if r.size() <= most {
		return nil
	}
	if had {
		r.Values[ch.name] = old
	} else {
		delete(r.Values, ch.name)
	}
	return ErrTooLarge
}
