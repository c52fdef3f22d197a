package servertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist/client/go"
)

const (
	publishers = 3
	readers    = 3
	messages   = 60
)

// TestServer_exactlyOnce cuts all connections again and again while clients publish and read: each
// message is published once, and each reader receives all of them once, in one order.
func TestServer_exactlyOnce(t *testing.T) {
	for name, conf := range ways {
		t.Run(name, func(t *testing.T) { exactlyOnce(t, conf) })
	}
}

func exactlyOnce(t *testing.T, conf geistclient.Config) {
	s := newService(t)
	want := publishers * messages
	logs := make([][]geistclient.Message, readers)
	var work sync.WaitGroup
	var cuts atomic.Int32
	for i := range readers {
		conf.Buffer = 16
		r := join(t, s.client(t, conf), "a", geistclient.JoinOptions{})
		work.Go(func() {
			for m, err := range r.Messages(within(t)) {
				if err != nil || m.Gap != nil {
					t.Errorf("reader %d behind %d messages: %v, gap %v", i, len(logs[i]), err, m.Gap)
					return
				}
				if logs[i] = append(logs[i], m); len(logs[i]) == want {
					return
				}
			}
		})
	}
	rooms := make([]*geistclient.Room, publishers)
	for i := range rooms {
		rooms[i] = join(t, s.client(t, conf), "a", geistclient.JoinOptions{})
	}
	for i, r := range rooms { // from now on connections are cut
		work.Go(func() {
			for n := range messages {
				if rand.N(8) == 0 { // before and behind what is under way, but never so often that nothing goes on
					cuts.Add(int32(s.cut()))
				}
				if _, err := r.Publish(within(t), geistclient.Message{Data: fmt.Appendf(nil, "[%d,%d]", i, n)}); err != nil {
					t.Errorf("publish %d: %v", n, err)
					return
				}
			}
		})
	}
	work.Wait()
	if t.Failed() {
		return
	}
	seen := map[string]bool{}
	for i, m := range logs[0] {
		if seen[string(m.Data)] {
			t.Errorf("%s was published twice", m.Data)
		}
		seen[string(m.Data)] = true
		for other := range logs {
			if got := logs[other][i]; string(got.Data) != string(m.Data) || got.ID != m.ID || got.Position != m.Position {
				t.Fatalf("message %d of reader %d is %s %v, of reader 0 %s %v", i, other, got.Data, got.Position, m.Data, m.Position)
			}
		}
	}
	if cuts.Load() < readers+publishers {
		t.Errorf("%d connections were cut", cuts.Load())
	}
	t.Logf("%d connections were cut", cuts.Load())
}

// TestServer_drains moves to another server when the one that it has is shut down, and loses nothing.
func TestServer_drains(t *testing.T) {
	for name, conf := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a server that drains tells clients to wait for some seconds
			s := newService(t)
			r := join(t, s.client(t, conf), "a", geistclient.JoinOptions{})
			publish := func(text string) {
				if _, err := r.Publish(within(t), geistclient.Message{Data: []byte(text), Kind: geistclient.Text}); err != nil {
					t.Fatal(err)
				}
			}
			publish("before")
			first := s.stop
			s.serve(t)
			first()
			publish("behind")
			for _, want := range []string{"before", "behind"} {
				if m := receive(t, r); string(m.Data) != want {
					t.Errorf("got %+v, want %q", m, want)
				}
			}
		})
	}
}

func TestServer_renewsTokens(t *testing.T) {
	s := newService(t)
	const renewed = 4
	var tokens, lost atomic.Int32
	enough := make(chan struct{})
	c := s.client(t, geistclient.Config{
		Token: func(context.Context) (string, error) {
			n := tokens.Add(1)
			if n == renewed {
				close(enough)
			}
			return fmt.Sprint("token of user", n), nil
		},
		OnState: func(state geistclient.State, _ error) {
			if state == geistclient.Waiting {
				lost.Add(1)
			}
		},
	})
	r := join(t, c, "a", geistclient.JoinOptions{})
	select {
	case <-enough: // each holds for a second
	case <-time.After(patience):
	}
	if _, err := r.Publish(within(t), geistclient.Message{}); err != nil {
		t.Error(err)
	}
	if tokens.Load() < renewed || lost.Load() != 0 {
		t.Errorf("%d tokens, the connection was lost %d times", tokens.Load(), lost.Load())
	}
}
