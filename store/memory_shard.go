package store

import (
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// memoryShards is a power of two, so many that goroutines rarely meet in one.
const memoryShards = 256

// shard is a part of the entries.
type shard struct {
	core  *memory
	index int

	mu      sync.Mutex
	entries map[string]*entry // guarded by mu; nil when closed
	peak    int               // guarded by mu; the most entries since the map was made: Go's maps never shrink
	ver     uint64            // guarded by mu; the last version given
	due     dueHeap           // guarded by mu; entries that die
	small   queue             // guarded by mu; entries that may be dropped: new ones
	main    queue             // guarded by mu; and those that have been read again
	ghosts  ghosts            // guarded by mu; those that were dropped from small

	expired, evicted, full uint64 // guarded by mu; see MemoryStats
}

// entry is what is kept under a key, in 64 bytes: a cache line. All of it is guarded by
// the shard's lock.
type entry struct {
	data       string // the key, and behind it the text; the entry's own
	num        int64  // the value, if flags has isNumber
	ver        uint64
	expires    int64  // in the store's time; 0 never
	next, prev *entry // in its queue
	pos        int32  // in the shard's due, from 1; 0 if it is not there
	keyLen     uint16
	freq       uint8 // how often it was read lately, at most maxFreq
	flags      uint8
}

const (
	inSmall  uint8 = 1 << iota // the queue that it is in; in none if it may not be dropped
	inMain                     //
	isNumber                   // counters change without an allocation
)

func (e *entry) key() string { return e.data[:e.keyLen] }

// value returns what is needed for a copy of the value, which can be made without the
// lock: texts never change.
func (e *entry) value() value {
	return value{text: e.data[e.keyLen:], num: e.num, isNumber: e.flags&isNumber != 0}
}

// version returns 0 for nil.
func (e *entry) version() uint64 {
	if e == nil {
		return 0
	}
	return e.ver
}

// value is a text or a number.
type value struct {
	text     string
	num      int64
	isNumber bool
}

// bytes returns a copy.
func (v value) bytes() []byte {
	if v.isNumber {
		return strconv.AppendInt(nil, v.num, 10)
	}
	return []byte(v.text)
}

// number returns the integer that v is.
func (v value) number() (int64, bool) {
	if v.isNumber {
		return v.num, true
	}
	return parseInt(v.text)
}

// entryBytes is what an entry takes beside its key and value: itself, its place in a map
// that is half empty at worst, in due and among the ghosts. TestMemory_boundIsHeap holds it.
const entryBytes = 64 + 58 + 32 + 8

// size returns what an entry takes. Texts are rounded up as the allocator does.
func size(data int) int64 { return entryBytes + int64(data+data/8+15)&^15 }

func (e *entry) size() int64 { return size(len(e.data)) }

func (s *shard) open(c *memory, index int) {
	s.core, s.index = c, index
	s.entries = map[string]*entry{}
	// Versions that somebody kept from an earlier process do not come again.
	s.ver = rand.Uint64() >> 1
}

func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		s.core.used.Add(-e.size())
	}
	s.entries, s.peak, s.due, s.small, s.main, s.ghosts = nil, 0, nil, queue{}, queue{}, nil
}

// shard returns where a key is.
func (c *memory) shard(key []byte) *shard {
	return &c.shards[maphash.Bytes(c.seed, key)&(memoryShards-1)]
}

// liveLocked returns an entry that is not dead, or nil. s.mu must be held.
func (s *shard) liveLocked(key []byte, now int64) *entry {
	e := s.entries[string(key)]
	if e == nil || e.expires == 0 || e.expires > now {
		return e
	}
	s.expired++
	s.removeLocked(e)
	return nil
}

// putLocked gives data, a key and its text, to an entry, which it makes if it is nil. If
// there is no room it returns nil and how many bytes are missing. s.mu must be held.
func (s *shard) putLocked(e *entry, data string, keyLen int, evict bool) (*entry, int64, error) {
	if s.entries == nil {
		return nil, 0, ErrClosed
	}
	grow := size(len(data))
	if e != nil {
		grow -= e.size()
	}
	if !s.core.reserve(grow) {
		if e != nil {
			e.freq = maxFreq // the room is to be made elsewhere
		}
		return nil, grow, nil
	}
	if e == nil {
		e = &entry{data: data, keyLen: uint16(keyLen)}
		if evict {
			s.enqueueLocked(e)
		}
	} else if q := s.queueOf(e); q != nil {
		q.bytes += grow
	}
	e.data = data
	e.flags &^= isNumber
	s.entries[e.key()] = e // which also lets the map forget the memory of the old key
	s.peak = max(s.peak, len(s.entries))
	s.writtenLocked(e)
	return e, 0, nil
}

// writtenLocked gives an entry a version that it has not had. s.mu must be held.
func (s *shard) writtenLocked(e *entry) {
	s.ver++
	e.ver = s.ver
}

// number does the work of Memory.number, once. It returns the new version, or 0 and how
// many bytes are missing.
func (s *shard) number(m *Memory, key []byte, now int64, change func(int64, bool) (int64, time.Duration, error)) (ver uint64, grow int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(now, stepsWriting)
	e := s.liveLocked(key, now)
	var n int64
	if e != nil {
		var ok bool
		if n, ok = e.value().number(); !ok {
			return 0, 0, ErrNotInteger
		}
	}
	n, ttl, err := change(n, e != nil)
	if err != nil {
		return 0, 0, err
	}
	if e == nil || e.flags&isNumber == 0 {
		if e, grow, err = s.putLocked(e, string(key), len(key), m.evict); e == nil {
			return 0, grow, err
		}
		e.flags |= isNumber
	} else {
		s.writtenLocked(e)
	}
	e.num = n
	e.freq = min(e.freq+1, maxFreq)
	if ttl != keepTTL {
		s.expireAtLocked(e, expiry(now, ttl))
	}
	return e.ver, 0, nil
}

// errUnchanged is what a change returns that has nothing to write.
var errUnchanged = errors.New("store: nothing to change")

func (s *shard) remove(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[string(key)]; e != nil {
		s.removeLocked(e)
	}
}

// removeLocked removes an entry that is there. s.mu must be held.
func (s *shard) removeLocked(e *entry) {
	delete(s.entries, e.key())
	s.due.remove(e)
	if q := s.queueOf(e); q != nil {
		q.remove(e)
	}
	s.core.used.Add(-e.size())
	s.shrinkLocked()
}

// leastPeak is the size below which a map is not worth making anew.
const leastPeak = 256

// shrinkLocked makes a map anew that is nearly empty, for it keeps the memory of all that
// was ever in it. s.mu must be held.
func (s *shard) shrinkLocked() {
	if s.peak < leastPeak || len(s.entries) > s.peak/4 {
		return
	}
	entries := make(map[string]*entry, len(s.entries))
	for key, e := range s.entries {
		entries[key] = e
	}
	s.entries, s.peak = entries, len(entries)
	s.due = append(make(dueHeap, 0, len(s.due)), s.due...)
	s.ghosts = nil
}

// reserve takes bytes, or reports that they are not there. Fewer than 0 are given back.
func (c *memory) reserve(n int64) bool {
	if n <= 0 {
		c.used.Add(n)
		return true
	}
	for {
		used := c.used.Load()
		if used+n > c.conf.MaxBytes {
			return false
		}
		if c.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}
