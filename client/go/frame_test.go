package geistclient

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClient_malformed holds that a server that breaks the protocol loses the connection, and nothing
// else, and that what a later version may say is passed over.
func TestClient_malformed(t *testing.T) {
	for frame, ends := range map[string]bool{
		``: true, `{}`: true, `[]`: true, `[1]`: true, `["m"`: true, `["m",1,2]`: true, `["m","a",-1,1]`: true,
		`["t","a",1,2]`: true, `["b","a",1,"?"]`: true, `["ok","1"]`: true, `["joined",1,"a",7]`: true,
		`["error",1,2]`: true, `["gap","a",[]]`: true, `["presence","a",{"joined":1}]`: true, `["left",1]`: true,
		`["bye",1]`: true, `["ask","n"]`: true, `["welcome",1]`: true,

		`["news",{"x":1}]`: false, `["ok",99,1]`: false, `["m","nowhere",1,1,"","",{"later":1}]`: false, `["ok"]`: false,
		`["joined",99,"a",{"epoch":"e9","offset":3}]`: false, `["error",99,"denied"]`: false, `["gap","nowhere",{}]`: false,
		`["left","nowhere","denied"]`: false, `["welcome",{"conn":"other"}]`: false, `["m"]`: false, `["error",0,"bad_frame","?"]`: false,
	} {
		t.Run(frame, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(Config{})
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				p.send(frame)
				if ends {
					p = s.welcome()
					p.expect(`["join",2,"a",{"since":["e1",0]}]`)
					p.send(`["joined",2,"a",{"epoch":"e1","offset":0,"recovered":true}]`)
				}
				p.send(`["m","a",1,1]`)
				if m := received(t, r); m.Position != (Position{"e1", 1}) {
					t.Errorf("got %+v, want message 1", m)
				}
				p.quiet()
			})
		})
	}
}

// FuzzFrame holds that no frame of a server makes a client panic.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		`["m","a",1,{"x":[1]},"id","e"]`, `["t","a",1,"x"]`, `["b","a",1,"AAH/"]`, `["welcome",{"ttl":1e300}]`, `["ok",1]`,
		`["error",1,"rate","",{"retry":-1}]`, `["joined",1,"a",{"epoch":"e","offset":1}]`, `["presence","a",{"joined":[{}]}]`,
		`["bye","x",{"retry":null}]`, `["left","a","x"]`, `["gap","a",{"missed":1}]`, `["ask",1]`, `[null]`,
	} {
		f.Add([]byte(seed))
		f.Add(append([]byte{binaryOther}, seed...))
		f.Add(fromJSON(seed, true))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		c, err := newClient("ws://x", Config{Buffer: 2})
		if err != nil {
			t.Fatal(err)
		}
		l := &link{client: c, transport: &socket{}, welcomed: make(chan struct{}), sent: map[uint64]*command{}, wake: make(chan struct{}, 1)}
		c.openLocked(l)
		if _, err := c.join("a", JoinOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		c.rooms["a"].joinedLocked(joinedFrame{})
		for _, compact := range []bool{false, true} {
			frame, err := parseFrame(p, compact)
			if err != nil || frame.name == "bye" {
				continue // bye starts a timer
			}
			_ = c.handle(l, frame)
		}
	})
}

func TestMillis_bounds(t *testing.T) {
	for in, want := range map[float64]time.Duration{0: 0, -5: 0, 1.5: 1500 * time.Microsecond, 1e300: 365 * 24 * time.Hour} {
		if got := millis(in); got != want {
			t.Errorf("millis(%v) = %v, want %v", in, got, want)
		}
	}
}

// TestClient_closedByOnState holds that OnState may call everything.
func TestClient_closedByOnState(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var c *Client
		ready := make(chan struct{})
		closed := make(chan struct{})
		c, p := s.dial(Config{OnState: func(s State, _ error) {
			switch s {
			case Waiting:
				<-ready
				_ = c.Close()
			case Closed:
				close(closed)
			}
		}})
		close(ready)
		p.cut()
		<-closed
		synctest.Wait()
		if c.State() != Closed {
			t.Errorf("state = %v, want Closed", c.State())
		}
	})
}
