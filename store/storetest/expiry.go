package storetest

import (
	"math"
	"time"

	"github.com/gogeist/geist/store"
)

// life is how long entries live in these tests.
const life = 4 * second

// outlive lets all entries of one life die.
func (s *suite) outlive() { s.pass(life/2 + s.conf.Late + second/10) }

func (s *suite) expiry() {
	before := time.Now()
	s.set("set", "v", life)
	_, err := s.SetNX(s.Context(), "setnx", []byte("v"), life)
	s.ok("SetNX", err)
	_, err = s.CAS(s.Context(), "cas", 0, []byte("v"), life)
	s.ok("CAS", err)
	_, err = s.Incr(s.Context(), "incr", 1, life)
	s.ok("Incr", err)
	s.set("stays", "v", 0)
	s.set("replaced", "v", life)
	keys := []string{"set", "setnx", "cas", "incr"}
	vers := map[string]uint64{}
	for _, key := range keys {
		item, err := s.Get(s.Context(), key)
		s.ok("Get", err)
		vers[key] = item.Ver
		if left := item.ExpiresAt.Sub(before); left < life-second || left > life+s.conf.Late+second {
			s.Errorf("%s: ExpiresAt is in %v, want %v", key, left, life)
		}
	}
	s.pass(life / 2)
	for _, key := range keys {
		if _, err := s.Get(s.Context(), key); err != nil {
			s.Errorf("Get(%q) after half of its life = %v", key, err)
		}
	}
	s.set("replaced", "again", 0)
	s.outlive()
	s.has("stays", "v")
	s.has("replaced", "again")
	for _, key := range keys {
		_, err := s.CAS(s.Context(), key, vers[key], []byte("no"), 0)
		s.fails("CAS of a dead entry", err, store.ErrConflict)
		s.fails("Touch of a dead entry", s.Touch(s.Context(), key, life), store.ErrNotFound)
		s.lacks(key)
	}
	if got, err := s.SetNX(s.Context(), "setnx", []byte("w"), 0); !got || err != nil {
		s.Errorf("SetNX of a dead entry = %t, %v, want true", got, err)
	}
	item, err := s.CAS(s.Context(), "cas", 0, []byte("w"), 0)
	s.ok("CAS of a dead entry with the version 0", err)
	if item.Ver == vers["cas"] || !item.ExpiresAt.IsZero() {
		s.Errorf("CAS = version %d until %v, want another than %d, for ever", item.Ver, item.ExpiresAt, vers["cas"])
	}
	s.has("setnx", "w")
	s.has("cas", "w")
}

func (s *suite) touch() {
	s.fails("Touch of nothing", s.Touch(s.Context(), "k", life), store.ErrNotFound)
	for _, key := range []string{"longer", "forever", "shorter", "dies"} {
		s.set(key, "v", life)
	}
	s.set("mortal", "v", 0)
	s.pass(life / 2)
	s.ok("Touch", s.Touch(s.Context(), "longer", 10*life))
	s.ok("Touch", s.Touch(s.Context(), "forever", 0))
	s.ok("Touch", s.Touch(s.Context(), "mortal", life/2))
	if item := s.has("forever", "v"); !item.ExpiresAt.IsZero() {
		s.Errorf("ExpiresAt = %v after Touch with zero, want zero", item.ExpiresAt)
	}
	s.ok("Touch", s.Touch(s.Context(), "shorter", second/2))
	s.outlive()
	s.has("longer", "v")
	s.has("forever", "v")
	for _, key := range []string{"shorter", "dies", "mortal"} {
		s.lacks(key)
	}
	s.ok("Touch", s.Touch(s.Context(), "longer", second/2))
	s.pass(second/2 + s.conf.Late + second/10)
	s.lacks("longer")
}

// expiryOfCounters holds that Incr prolongs no life: a window ends, however much is counted.
func (s *suite) expiryOfCounters() {
	incr := func(want int64, ttl time.Duration) {
		s.Helper()
		if got, err := s.Incr(s.Context(), "k", 1, ttl); got != want || err != nil {
			s.Fatalf("Incr = %d, %v, want %d", got, err, want)
		}
	}
	incr(1, life)
	s.pass(life / 2)
	incr(2, 100*life)
	incr(3, 0)
	s.outlive()
	incr(1, 0)
	s.pass(2 * life)
	incr(2, second)
	s.pass(2 * life)
	incr(3, second)
}

func (s *suite) longLives() {
	for _, ttl := range []time.Duration{math.MaxInt64, math.MaxInt64 / 2, 100 * 365 * 24 * time.Hour} {
		s.set("k", "v", ttl)
		s.ok("Touch", s.Touch(s.Context(), "k", ttl))
		s.pass(second / 10)
		s.has("k", "v")
	}
	s.set("short", "v", 1)
	s.pass(s.conf.Late + second/10)
	s.lacks("short")
}
