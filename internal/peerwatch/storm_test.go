package peerwatch

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWatcher_keepAlive serves 2,000 pipelined requests of one connection, each watched and stopped,
// every tenth of them for longer than the delay. The client leaves during the last.
func TestWatcher_keepAlive(t *testing.T) {
	const requests = 2000
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		go func() { // ends when everything is sent
			var burst strings.Builder
			for i := range requests {
				fmt.Fprintf(&burst, "GET /%d\n", i)
				if i%7 == 0 || i == requests-1 {
					client.Write([]byte(burst.String()))
					burst.Reset()
				}
			}
		}()
		replies := make(chan error, 1)
		go func() { // ends with the last reply but one
			in := bufio.NewReader(client)
			for i := range requests - 1 {
				want := fmt.Sprintf("200 GET /%d\n", i)
				if got, err := in.ReadString('\n'); got != want || err != nil {
					replies <- fmt.Errorf("reply %q, want %q: %w", got, want, err)
					return
				}
			}
			replies <- nil
		}()
		in := bufio.NewReaderSize(conn, 16) // small, so that bytes stay in the socket
		for i := range requests {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
			s := newSpy()
			watch := w.Watch(conn, s.gone)
			if i%10 == 0 {
				w.register()
			}
			if i == requests-1 {
				if err := <-replies; err != nil {
					t.Error(err)
				}
				w.register()
				client.Close()
				wait(t, s.called, "close during the last request")
			}
			watch.Stop()
			if want := i == requests-1; (s.calls() > 0) != want {
				t.Fatalf("request %d: told %v, want %v", i, !want, want)
			}
			conn.Write([]byte("200 " + line))
		}
	})
}

// TestWatcher_allLeaveAtOnce: 5,000 watched connections.
func TestWatcher_allLeaveAtOnce(t *testing.T) {
	const conns = 5000
	eachWay(t, func(t *testing.T, w *Watcher) {
		l := listenUnix(t)
		var told atomic.Int64
		var clients, servers [conns]*net.UnixConn
		var watches [conns]*Watch
		for i := range conns {
			servers[i], clients[i] = l.pair(t)
			defer servers[i].Close()
			watches[i] = w.Watch(servers[i], func() { told.Add(1) })
		}
		w.register()
		for _, c := range clients {
			c.Close()
		}
		if !within(patience, func() bool { return told.Load() == conns }) {
			t.Errorf("told %d, want %d", told.Load(), conns)
		}
		for _, watch := range watches {
			watch.Stop()
		}
		if got := told.Load(); got != conns {
			t.Errorf("told %d, want %d", got, conns)
		}
	})
}

// TestWatch_stopRacesLeave: 100,000 watches are stopped while their peer leaves, after a pause that
// sweeps over the time the event takes. After Stop, gone must neither run nor start.
func TestWatch_stopRacesLeave(t *testing.T) {
	const batch = 500
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	eachWay(t, func(t *testing.T, w *Watcher) {
		l := listenUnix(t)
		var told int64
		for round := range rounds {
			var clients, servers [batch]*net.UnixConn
			var watches [batch]*Watch
			var calls, stopped [batch]int // no lock: Stop must order them
			for i := range batch {
				servers[i], clients[i] = l.pair(t)
				watches[i] = w.Watch(servers[i], func() {
					if stopped[i] != 0 {
						t.Error("gone runs after Stop")
					}
					calls[i]++
				})
			}
			w.register()
			pause := time.Duration(round%10) * 3 * time.Microsecond
			for i := range batch {
				clients[i].Close()
				spin(pause)
				watches[i].Stop()
				stopped[i] = 1
				told += int64(calls[i])
				servers[i].Close()
			}
		}
		all := int64(rounds * batch)
		t.Logf("told %d of %d", told, all)
		if told == 0 || told == all {
			t.Errorf("told %d of %d, want some: the race was not run", told, all)
		}
	})
}

// TestWatch_stopRacesRegistration: the peer has left before; Stop meets the clock, the registration
// and the event.
func TestWatch_stopRacesRegistration(t *testing.T) {
	rounds := 100_000
	if testing.Short() {
		rounds = 10_000
	}
	for name, w := range map[string]*Watcher{"native": {Delay: -1}, "peek": {Delay: -1, peekOnly: true}} {
		t.Run(name, func(t *testing.T) {
			conn, client := unixPair(t)
			client.Close()
			told := 0
			for i := range rounds {
				calls, stopped := 0, 0
				watch := w.Watch(conn, func() {
					if stopped != 0 {
						t.Error("gone runs after Stop")
					}
					calls++
				})
				spin(time.Duration(i%32) * time.Microsecond)
				watch.Stop()
				stopped = 1
				told += calls
			}
			t.Logf("told %d of %d", told, rounds)
		})
	}
}

// TestWatcher_reuseStorm opens and closes connections in a hurry, so that descriptors are reused
// while watches of their former owners end. Only who has left may be told, and witnesses, whose
// peers stay, never.
func TestWatcher_reuseStorm(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for name, w := range map[string]*Watcher{"native": {Delay: -1}, "peek": {Delay: -1, peekOnly: true}} {
		t.Run(name, func(t *testing.T) {
			l := listenUnix(t)
			for range 20 {
				s, c := l.pair(t)
				watch := w.Watch(s, func() { t.Error("witness was told, want silence") })
				defer func() { watch.Stop(); s.Close(); c.Close() }()
			}
			var dial sync.Mutex // a pair is one dial and its accept
			var all sync.WaitGroup
			for worker := range uint64(4) {
				all.Go(func() {
					random := rand.New(rand.NewPCG(worker, 1))
					for range rounds {
						dial.Lock()
						s, c := l.pair(t)
						dial.Unlock()
						storm(t, w, random, s, c)
					}
				})
			}
			all.Wait()
		})
	}
}

// storm lives through one connection of the storm.
func storm(t *testing.T, w *Watcher, random *rand.Rand, s, c *net.UnixConn) {
	var leaving atomic.Bool
	called := make(chan struct{})
	watch := w.Watch(s, func() {
		if !leaving.Load() {
			t.Error("told of a peer that had not left")
		}
		close(called)
	})
	spin(time.Duration(random.IntN(100)) * time.Microsecond)
	switch random.IntN(3) {
	case 0:
		watch.Stop()
		s.Close()
		c.Close()
	case 1: // the wrong order: forbidden by the documentation, and still must not reach others
		s.Close()
		watch.Stop()
		c.Close()
	case 2:
		leaving.Store(true)
		c.Close()
		wait(t, called, "close")
		watch.Stop()
		s.Close()
	}
}

// spin passes time without giving up the processor.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
