package storetest

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/gogeist/geist/store"
)

// every returns all bytes that there are.
func every() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}

func (s *suite) values() {
	s.lacks("k")
	for _, val := range []string{"v", "", every(), "another", strings.Repeat("x", 64<<10), "0", "\x00", "nil"} {
		s.set("k", val, 0)
		s.has("k", val)
	}
	s.ok("Set", s.Set(s.Context(), "nil", nil, 0))
	s.has("nil", "")
	if item := s.has("k", "nil"); !item.ExpiresAt.IsZero() {
		s.Errorf("ExpiresAt = %v, want zero", item.ExpiresAt)
	}
}

// keys are kept apart, whatever they are.
func (s *suite) keys() {
	keys := []string{
		every(), strings.Repeat("k", store.MaxKey), strings.Repeat("k", store.MaxKey-1), strings.Repeat("\xff", store.MaxKey),
		"Case", "case", "CASE", "e\u0301", "\u00e9", " ", "  ", "a ", " a", "a",
		".", "..", "../k", "/", "/k", "k/", `..\k`, `C:\k`, "k:stream", "con", "nul.txt", "k.tmp", "*", "%", "%00", "%2e", "k\x00", "k\x00a", "\x00",
		"'", `"`, "';DROP TABLE k;--", "_", "k?v=1", "k\r\nset x", "1:", "0::", "4:sess:",
	}
	for i := range 256 {
		keys = append(keys, "byte"+string([]byte{byte(i)}))
	}
	for i, key := range keys {
		s.set(key, fmt.Sprint(i), 0)
	}
	for i, key := range keys {
		s.has(key, fmt.Sprint(i))
	}
	s.ok("Delete", s.Delete(s.Context(), keys[:len(keys)-1]...))
	for _, key := range keys[:len(keys)-1] {
		s.lacks(key)
	}
	s.has(keys[len(keys)-1], fmt.Sprint(len(keys)-1))
}

// limits gives every method what none takes.
func (s *suite) limits() {
	for _, key := range []string{"", strings.Repeat("k", store.MaxKey+1)} {
		for name, call := range s.calls(s.Store, key, 0) {
			s.fails(fmt.Sprintf("%s with a key of %d bytes", name, len(key)), call(s.Context()), store.ErrKey)
		}
	}
	inner := s.Scoped(strings.Repeat("p", store.MaxKey))
	s.fails("Set in a scope of a long name", inner.Set(s.Context(), "k", nil, 0), store.ErrKey)
	for _, name := range []string{"Set", "SetNX", "CAS", "Incr", "Touch"} {
		s.fails(name+" with a negative ttl", s.calls(s.Store, "k", -1)[name](s.Context()), store.ErrTTL)
	}
	s.lacks("k")
	if s.conf.MaxValue == 0 {
		return
	}
	s.set("k", strings.Repeat("x", s.conf.MaxValue), 0)
	ver := s.has("k", strings.Repeat("x", s.conf.MaxValue)).Ver
	long := bytes.Repeat([]byte("y"), s.conf.MaxValue+1)
	s.fails("Set of a long value", s.Set(s.Context(), "k", long, 0), store.ErrTooLarge)
	_, err := s.SetNX(s.Context(), "other", long, 0)
	s.fails("SetNX of a long value", err, store.ErrTooLarge)
	_, err = s.CAS(s.Context(), "k", ver, long, 0)
	s.fails("CAS of a long value", err, store.ErrTooLarge)
	s.has("k", strings.Repeat("x", s.conf.MaxValue))
	s.lacks("other")
}

// ownership writes to every slice that was given or returned.
func (s *suite) ownership() {
	val := []byte("value")
	s.ok("Set", s.Set(s.Context(), "set", val, 0))
	_, err := s.SetNX(s.Context(), "setnx", val, 0)
	s.ok("SetNX", err)
	_, err = s.CAS(s.Context(), "cas", 0, val, 0)
	s.ok("CAS", err)
	clear(val)
	for _, key := range []string{"set", "setnx", "cas"} {
		clear(s.has(key, "value").Val)
		item := s.has(key, "value")
		_ = append(item.Val, "more"...)
		s.set(key, "other", 0)
		if string(item.Val) != "value" {
			s.Errorf("what Get(%q) returned is %q after a Set, want %q", key, item.Val, "value")
		}
		s.has(key, "other")
	}
}

func (s *suite) setNX() {
	for i, want := range []bool{true, false, false} {
		if got, err := s.SetNX(s.Context(), "k", []byte(fmt.Sprint(i)), 0); got != want || err != nil {
			s.Errorf("SetNX %d = %t, %v, want %t", i, got, err, want)
		}
		s.has("k", "0")
	}
	s.ok("Delete", s.Delete(s.Context(), "k"))
	if got, err := s.SetNX(s.Context(), "k", nil, 0); !got || err != nil {
		s.Errorf("SetNX after Delete = %t, %v, want true", got, err)
	}
	if got, err := s.SetNX(s.Context(), "k", []byte("v"), 0); got || err != nil {
		s.Errorf("SetNX on an empty value = %t, %v, want false", got, err)
	}
	s.has("k", "")
}

func (s *suite) cas() {
	conflict := func(what string, ver uint64) {
		s.Helper()
		_, err := s.CAS(s.Context(), "k", ver, []byte("no"), 0)
		s.fails("CAS "+what, err, store.ErrConflict)
	}
	conflict("of nothing", 1)
	conflict("of nothing", math.MaxUint64)
	s.lacks("k")
	first, err := s.CAS(s.Context(), "k", 0, []byte("1"), 0)
	s.ok("CAS with the version 0", err)
	if got := s.has("k", "1"); got.Ver != first.Ver || string(first.Val) != "1" {
		s.Errorf("CAS = %q, %d, want %q, %d", first.Val, first.Ver, "1", got.Ver)
	}
	conflict("with the version 0", 0)
	conflict("with no version of it", first.Ver+1)
	conflict("with no version of it", math.MaxUint64)
	second, err := s.CAS(s.Context(), "k", first.Ver, []byte("2"), 0)
	s.ok("CAS", err)
	conflict("with an old version", first.Ver)
	s.has("k", "2")
	s.ok("Delete", s.Delete(s.Context(), "k"))
	conflict("of what was deleted", second.Ver)
	s.lacks("k")
	s.set("k", "2", 0)
	conflict("of what has come back", second.Ver)
	s.has("k", "2")
}

// versions are new with each write, and with nothing else.
func (s *suite) versions() {
	seen := map[uint64]string{}
	written := func(by string) {
		s.Helper()
		item, err := s.Get(s.Context(), "k")
		s.ok("Get", err)
		if before, ok := seen[item.Ver]; ok {
			s.Errorf("the version after %s is that after %s", by, before)
		}
		seen[item.Ver] = by
	}
	for round := range 3 {
		for _, by := range []string{"Set", "CAS", "Incr"} {
			s.ok(by, s.calls(s.Store, "k", 0)[by](s.Context()))
			written(fmt.Sprint(by, round))
		}
		before, err := s.Get(s.Context(), "k")
		s.ok("Get", err)
		s.ok("Touch", s.Touch(s.Context(), "k", 10*second))
		_, err = s.SetNX(s.Context(), "k", nil, 0)
		s.ok("SetNX", err)
		if after := s.has("k", string(before.Val)); after.Ver != before.Ver {
			s.Errorf("the version is %d after Touch and SetNX, want %d", after.Ver, before.Ver)
		}
		s.ok("Delete", s.Delete(s.Context(), "k"))
	}
}

func (s *suite) incr() {
	for _, tt := range []struct{ delta, want int64 }{{5, 5}, {-7, -2}, {0, -2}, {math.MaxInt64, math.MaxInt64 - 2}, {2, math.MaxInt64}} {
		if got, err := s.Incr(s.Context(), "k", tt.delta, 0); got != tt.want || err != nil {
			s.Errorf("Incr(%d) = %d, %v, want %d", tt.delta, got, err, tt.want)
		}
		s.has("k", fmt.Sprint(tt.want))
	}
	_, err := s.Incr(s.Context(), "k", 1, 0)
	s.fails("Incr beyond the largest", err, store.ErrNotInteger)
	s.has("k", fmt.Sprint(int64(math.MaxInt64)))
	s.set("k", fmt.Sprint(int64(math.MinInt64)), 0)
	_, err = s.Incr(s.Context(), "k", -1, 0)
	s.fails("Incr beyond the smallest", err, store.ErrNotInteger)
	if got, err := s.Incr(s.Context(), "zero", 0, 0); got != 0 || err != nil {
		s.Errorf("Incr(0) of nothing = %d, %v, want 0", got, err)
	}
	s.has("zero", "0")
	for _, val := range []string{"", "x", "1x", " 1", "1 ", "+1", "01", "-0", "1.0", "0x1", "1_0", "9223372036854775808", strings.Repeat("1", 1000)} {
		s.set("k", val, 0)
		_, err := s.Incr(s.Context(), "k", 1, 0)
		s.fails(fmt.Sprintf("Incr of %.20q", val), err, store.ErrNotInteger)
		s.has("k", val)
	}
}

func (s *suite) remove() {
	for _, key := range []string{"a", "b", "c", "d"} {
		s.set(key, key, 0)
	}
	s.ok("Delete of nothing", s.Delete(s.Context()))
	s.ok("Delete", s.Delete(s.Context(), "a", "missing", "c", "a"))
	s.lacks("a")
	s.has("b", "b")
	s.lacks("c")
	s.has("d", "d")
}
