package monitor

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// The buckets of latency: one for all below 2^minExp ns, then 1<<subBits for each power of
// two. What is above the last counts in it.
//
//	0: 0–128 ns   1: 128–144 ns   2: 144–160 ns   …   9: 256–288 ns   …   240: 120 s and more
const (
	subBits = 3
	minExp  = 7
	maxExp  = 36
	buckets = 1 + (maxExp-minExp+1)<<subBits
)

// bucketOf returns the bucket of a duration.
func bucketOf(d time.Duration) int {
	if d < 1<<minExp {
		return 0
	}
	exp := bits.Len64(uint64(d)) - 1
	sub := int(d>>(exp-subBits)) & (1<<subBits - 1)
	return min(1+(exp-minExp)<<subBits+sub, buckets-1)
}

// upperOf returns where a bucket ends.
func upperOf(i int) time.Duration {
	if i == 0 {
		return 1 << minExp
	}
	exp, sub := minExp+(i-1)>>subBits, (i-1)&(1<<subBits-1)
	return time.Duration(1<<subBits+sub+1) << (exp - subBits)
}

// counts are the counters of a histogram at a time.
type counts [buckets]uint64

// total returns how many durations were counted.
func (h *counts) total() (n uint64) {
	for _, k := range h {
		n += k
	}
	return n
}

// minus returns what has come since older.
func (h *counts) minus(older *counts) (d counts) {
	for i := range h {
		d[i] = h[i] - min(older[i], h[i])
	}
	return d
}

// quantile returns the end of the bucket that the q-th part of n durations reaches, or 0 if
// there are none.
func (h *counts) quantile(n uint64, q float64) time.Duration {
	if n == 0 {
		return 0
	}
	want := max(uint64(q*float64(n)+0.5), 1)
	var seen uint64
	for i, k := range h {
		if seen += k; seen >= want {
			return upperOf(i)
		}
	}
	return upperOf(buckets - 1)
}

// statusClasses are those of 1xx to 5xx.
const statusClasses = 5

// statuses are the requests by the class of their status.
type statuses [statusClasses]uint64

func (s *statuses) total() (n uint64) {
	for _, k := range s {
		n += k
	}
	return n
}

// classOf returns the index of a status in statuses. What is no status is an error.
func classOf(status int) int {
	if status < 100 || status > 599 {
		return statusClasses - 1
	}
	return status/100 - 1
}

// shard is a part of the counters of a series. Requests of one connection use one, so that
// processors seldom meet.
type shard struct {
	inFlight atomic.Int64
	status   [statusClasses]atomic.Uint64
	latency  [buckets]atomic.Uint64
	_        [64]byte // the next one is on another line of the cache
}

// add counts a request.
func (s *shard) add(status int, d time.Duration) {
	s.status[classOf(status)].Add(1)
	s.latency[bucketOf(d)].Add(1)
}

// series counts requests: those of one route, or all.
type series struct {
	method, pattern string
	shards          []shard // a power of two of them
}

func newSeries(method, pattern string, shards int) *series {
	return &series{method: method, pattern: pattern, shards: make([]shard, shards)}
}

// of returns the shard for a connection.
func (s *series) of(conn uint64) *shard { return &s.shards[conn&uint64(len(s.shards)-1)] }

func (s *series) inFlight() (n int64) {
	for i := range s.shards {
		n += s.shards[i].inFlight.Load()
	}
	return max(n, 0) // they are read one after the other
}

func (s *series) status() (sum statuses) {
	for i := range s.shards {
		for class := range sum {
			sum[class] += s.shards[i].status[class].Load()
		}
	}
	return sum
}

// latency adds up the shards into h.
func (s *series) latency(h *counts) {
	*h = counts{}
	for i := range s.shards {
		for b := range h {
			h[b] += s.shards[i].latency[b].Load()
		}
	}
}
