package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/gogeist/geist/store"
)

// The contention: so many goroutines, each so often.
const (
	workers = 8
	rounds  = 25
)

// together runs goroutines that begin at once, and waits for them.
func together(n int, work func(i int)) {
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wait.Go(func() {
			<-start
			work(i)
		})
	}
	close(start)
	wait.Wait()
}

// contendedCAS counts by Get and CAS. No count is lost.
func (s *suite) contendedCAS() { s.countByCAS(func(int) store.Store { return s.Store }) }

func (s *suite) countByCAS(in func(i int) store.Store) {
	s.Helper()
	together(workers, func(i int) {
		for range rounds {
			for {
				item, err := in(i).Get(s.Context(), "k")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					s.Errorf("Get = %v", err)
					return
				}
				n, _ := strconv.Atoi(string(item.Val))
				_, err = in(i).CAS(s.Context(), "k", item.Ver, []byte(strconv.Itoa(n+1)), 0)
				if err == nil {
					break
				}
				if !errors.Is(err, store.ErrConflict) {
					s.Errorf("CAS = %v", err)
					return
				}
			}
		}
	})
	s.has("k", fmt.Sprint(workers*rounds))
}

// contendedSetNX locks: one of many gets it, each time.
func (s *suite) contendedSetNX() { s.lockBySetNX(func(int) store.Store { return s.Store }) }

func (s *suite) lockBySetNX(in func(i int) store.Store) {
	s.Helper()
	for round := range rounds {
		var got atomic.Int64
		together(workers, func(i int) {
			ok, err := in(i).SetNX(s.Context(), "lock", fmt.Append(nil, i), 0)
			if err != nil {
				s.Errorf("SetNX = %v", err)
			}
			if ok {
				got.Add(1)
				s.hasIn(in(i), "lock", fmt.Sprint(i))
			}
		})
		if got.Load() != 1 {
			s.Errorf("round %d: %d got the lock, want 1", round, got.Load())
		}
		s.ok("Delete", s.Delete(s.Context(), "lock"))
	}
}

func (s *suite) contendedIncr() { s.countByIncr(func(int) store.Store { return s.Store }) }

// countByIncr counts up and down, with and without an entry, on several keys.
func (s *suite) countByIncr(in func(i int) store.Store) {
	s.Helper()
	var sums [workers*rounds + 1]atomic.Int64
	together(workers, func(i int) {
		for round := range rounds {
			sum, err := in(i).Incr(s.Context(), "k", 1, 0)
			if err != nil || sum < 1 || sum > workers*rounds {
				s.Errorf("Incr = %d, %v", sum, err)
				return
			}
			sums[sum].Add(1)
			delta := int64(1 - 2*(round%2))
			if _, err := in(i).Incr(s.Context(), "other", delta, 0); err != nil {
				s.Errorf("Incr = %v", err)
			}
		}
	})
	for sum := 1; sum <= workers*rounds; sum++ {
		if n := sums[sum].Load(); n != 1 {
			s.Errorf("%d callers got the sum %d, want 1", n, sum)
		}
	}
	s.has("k", fmt.Sprint(workers*rounds))
	s.has("other", fmt.Sprint(workers*(rounds%2)))
}

// contendedValues reads what is being written: always one whole value.
func (s *suite) contendedValues() {
	together(workers, func(i int) {
		for round := range rounds {
			if i%2 == 0 {
				val := bytes.Repeat([]byte{byte('a' + i)}, 1+round*97)
				if err := s.Set(s.Context(), "k", val, second*10); err != nil {
					s.Errorf("Set = %v", err)
				}
				continue
			}
			item, err := s.Get(s.Context(), "k")
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil || len(item.Val)%97 != 1 || bytes.Count(item.Val, item.Val[:1]) != len(item.Val) {
				s.Errorf("Get = %d bytes %.20q, %v, want one value", len(item.Val), item.Val, err)
			}
		}
	})
}

func (s *suite) close() {
	view := s.Scoped("a").Scoped("b")
	s.set("k", "1", 0)
	s.ok("Set", view.Set(s.Context(), "k", []byte("1"), 0))
	s.ok("Close", s.Store.Close())
	for _, in := range []store.Store{s.Store, view, s.Scoped("c")} {
		for _, key := range []string{"k", "other"} {
			for name, call := range s.calls(in, key, 0) {
				s.fails(name+" after Close", call(s.Context()), store.ErrClosed)
			}
		}
	}
	s.ok("the second Close", s.Store.Close())
}

// closeInUse closes under load. Every call finishes, or says that the store is closed.
func (s *suite) closeInUse() {
	ctx := s.Context()
	for i := range workers {
		s.set(fmt.Sprint(i), "1", 0)
	}
	var wait sync.WaitGroup
	var begun sync.WaitGroup
	begun.Add(workers)
	for i := range workers {
		wait.Go(func() {
			first := true
			for calls := s.calls(s.Store, fmt.Sprint(i), second*10); ; {
				for _, name := range []string{"Set", "Get", "SetNX", "Incr", "Touch", "CAS", "Allow"} {
					switch err := calls[name](ctx); {
					case errors.Is(err, store.ErrClosed):
						if first {
							begun.Done()
						}
						return
					case err != nil && !(name == "Allow" && errors.Is(err, store.ErrNotInteger)):
						s.Errorf("%s = %v, want nil or %v", name, err, store.ErrClosed)
					}
				}
				if first {
					begun.Done()
					first = false
				}
			}
		})
	}
	begun.Wait()
	s.ok("Close", s.Store.Close())
	wait.Wait()
}

// replicas are two handles on one store, as two processes have.
func (s *suite) replicas() {
	other := s.conf.Replica(s.T)
	defer func() { s.ok("Close", other.Close()) }()
	both := func(i int) store.Store { return [...]store.Store{s.Store, other}[i%2] }
	s.set("k", "1", 0)
	item := s.hasIn(other, "k", "1")
	_, err := s.CAS(context.WithoutCancel(s.Context()), "k", item.Ver, []byte("2"), 0)
	s.ok("CAS with the version that another handle has read", err)
	s.hasIn(other, "k", "2")
	s.ok("Delete", other.Delete(s.Context(), "k"))
	s.lacks("k")
	s.countByCAS(both)
	s.ok("Delete", other.Delete(s.Context(), "k"))
	s.countByIncr(both)
	s.lockBySetNX(both)
	s.storm(both)
	s.storm(func(i int) store.Store { return plain{both(i)} })
}
