package geistclient

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestClient_ends(t *testing.T) {
	const again = "" // the client connects again
	for _, tt := range []struct {
		name  string
		frame string
		close int
		want  string        // the code with which the client ends
		after time.Duration // when it connects again, if that is said
	}{
		{"draining", `["bye","draining",{"retry":3000}]`, 1001, again, 3 * time.Second},
		{"lagging", `["bye","lagging"]`, 1013, again, 0},
		{"lagging without bye", "", 1013, again, 0},
		{"bad frame", `["bye","bad_frame"]`, 4400, "bad_frame", 0},
		{"bad frame without bye", "", 4400, "bad_frame", 0},
		{"expired, and there is no other token", `["bye","expired"]`, 4401, "expired", 0},
		{"denied", `["bye","denied"]`, 4403, "denied", 0},
		{"denied without bye", "", 4403, "denied", 0},
		{"version", "", 4406, "version", 0},
		{"hello first", `["bye","hello_first"]`, 4408, again, 0},
		{"replaced", `["bye","replaced"]`, 4409, "replaced", 0},
		{"rate", `["bye","rate",{"retry":7000}]`, 4429, again, 7 * time.Second},
		{"at once", `["bye","draining",{"retry":0}]`, 1001, again, 0},
		{"of a later version", `["bye","tired",{"retry":2000}]`, 4999, again, 2 * time.Second},
		{"internal error", "", 1011, again, 0},
		{"normal", "", 1000, again, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(Config{})
				if tt.frame != "" {
					p.send(tt.frame)
				}
				p.end(tt.close)
				began := time.Now()
				if tt.want == again {
					s.welcome()
					if passed := time.Since(began); tt.after > 0 && passed != tt.after || passed > max(tt.after, 200*time.Millisecond) {
						t.Errorf("connected again after %v, want %v", passed, tt.after)
					}
					synctest.Wait()
					if c.State() != Open {
						t.Errorf("state = %v, want Open", c.State())
					}
					return
				}
				_, err := c.Receive(t.Context())
				var e *Error
				if !errors.Is(err, ErrClosed) || !errors.As(err, &e) || e.Code != tt.want {
					t.Errorf("Receive: %v, want ErrClosed and code %s", err, tt.want)
				}
				if c.State() != Closed || s.next() != nil {
					t.Errorf("state = %v, want Closed and no connection", c.State())
				}
			})
		})
	}
}

func TestClient_byeThatClosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		_, p := s.dial(Config{})
		began := time.Now()
		p.send(`["bye","draining",{"retry":5000}]`)
		s.welcome()
		if passed := time.Since(began); passed != goodbye+5*time.Second {
			t.Errorf("connected again after %v", passed)
		}
	})
}

// TestClient_backsOff holds the bounds of the random times, and that Retry-After comes on top.
func TestClient_backsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var at []time.Time
		var states []string
		_, p := s.dial(Config{OnState: func(s State, err error) { states = append(states, fmt.Sprint(s, err != nil)) }})
		s.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
			at = append(at, time.Now())
			if len(at) == 12 {
				w.Header().Set("Retry-After", "60")
			}
			if len(at) > 12 {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		began := time.Now()
		p.cut()
		for range 10 {
			if p = s.next(); p != nil {
				break
			}
		}
		if p == nil {
			t.Fatal("no connection")
		}
		bound, sum := defaultMinDelay, time.Duration(0)
		for i, attempt := range at {
			wait := attempt.Sub(began)
			began = attempt
			least := time.Duration(0)
			if i == 12 {
				least = time.Minute
			}
			if wait < least || wait >= least+bound {
				t.Errorf("attempt %d after %v, want %v to %v", i, wait, least, least+bound)
			}
			bound = min(2*bound, defaultMaxDelay)
			sum += wait
		}
		if sum < time.Minute+5*time.Second {
			t.Errorf("all attempts within %v: that is no backing off", sum)
		}
		p.expect(`["hello",{"session":"vectors-session-1"}]`)
		p.send(`["welcome",{}]`)
		synctest.Wait()
		want := []string{"Connecting false", "Open false"}
		for range at {
			want = append(want, "Waiting true", "Connecting false")
		}
		if want = append(want, "Open false"); !slices.Equal(states, want) {
			t.Errorf("states = %q,\nwant     %q", states, want)
		}
	})
}

// TestClient_replacedByItself holds that a hello that the server comes to late, over a connection that
// has broken since, does not end the client.
func TestClient_replacedByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{Watchdog: -1})
		p.cut()
		p = s.next()
		p.expect(`["hello",{"session":"vectors-session-1"}]`)
		p.cut()
		for range 2 {
			p = s.welcome()
			p.send(`["bye","replaced"]`)
			p.end(4409)
		}
		p = s.welcome()
		time.Sleep(strayFor)
		if c.State() != Open {
			t.Fatalf("state = %v, want Open", c.State())
		}
		p.send(`["bye","replaced"]`)
		p.end(4409)
		if _, err := c.Receive(t.Context()); !errors.Is(err, ErrReplaced) {
			t.Errorf("Receive: %v, want ErrReplaced", err)
		}
	})
}

// TestClient_repeats holds what is sent again when a connection breaks, and what is not.
func TestClient_repeats(t *testing.T) {
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(conf)
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				ctx := t.Context()
				results := map[string]chan error{}
				start := func(name string, f func() error) {
					results[name] = make(chan error, 1)
					go func() { results[name] <- f() }()
					synctest.Wait()
				}
				publish := func(m Message) func() error {
					return func() error { _, err := r.Publish(ctx, m); return err }
				}
				start("publish", publish(Message{Data: []byte("1")}))
				start("publish without log", publish(Message{Data: []byte("2"), NoLog: true}))
				start("publish elsewhere", func() error { _, err := c.Publish(ctx, "b", Message{}); return err })
				start("call", func() error { _, err := c.Call(ctx, "f", nil); return err })
				start("show", func() error { return r.Show(ctx, 3) })
				p.expect(`["pub",2,"a",1]`)
				p.expect(`["pub",3,"a",2,{"log":false}]`)
				p.expect(`["pub",4,"b"]`)
				p.expect(`["call",5,"f"]`)
				p.expect(`["show",6,"a",3]`)
				p.send(`["m","a",4,0]`)
				synctest.Wait()
				p.cut()
				for _, name := range []string{"publish without log", "call"} {
					if err := <-results[name]; !errors.Is(err, ErrUnknownOutcome) {
						t.Errorf("%s: %v, want ErrUnknownOutcome", name, err)
					}
				}
				start("publish later", publish(Message{Data: []byte("4")}))
				start("call later", func() error { _, err := c.Call(ctx, "g", []byte("[]")); return err })
				p = s.welcome()
				p.expect(`["join",9,"a",{"since":["e1",4]}]`)
				p.expect(`["pub",2,"a",1,{"since":["e1",0]}]`)
				p.expect(`["pub",4,"b",null,{"since":["",0]}]`)
				p.expect(`["show",6,"a",3]`)
				p.expect(`["pub",7,"a",4]`)
				p.expect(`["call",8,"g",[]]`)
				p.send(`["joined",9,"a",{"epoch":"e1","offset":4,"recovered":true}]`)
				p.send(`["ok",7,{"epoch":"e1","offset":5}]`)
				p.send(`["ok",6]`)
				p.send(`["ok",4,{"epoch":"e7","offset":1}]`)
				p.send(`["error",2,"unknown_outcome","who knows"]`)
				p.send(`["ok",8,{}]`)
				for name, want := range map[string]error{"publish": ErrUnknownOutcome, "publish elsewhere": nil, "show": nil, "publish later": nil, "call later": nil} {
					if err := <-results[name]; !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", name, err, want)
					}
				}
				p.cut()
				p = s.welcome()
				p.expect(`["join",10,"a",{"since":["e1",4],"show":3}]`)
				p.quiet()
			})
		})
	}
}

// TestClient_goesSlowlyAfterRate holds that what the client repeats by itself waits for as long as the
// server says, and is then sent one by one.
func TestClient_goesSlowlyAfterRate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		for i := range 70 {
			joined(t, c, p, fmt.Sprint("room ", i), JoinOptions{}, fmt.Sprintf(`["join",%d,"room %d"]`, i+1, i))
		}
		p.cut()
		p = s.welcome()
		var refs []string
		for range maxWindow {
			f, _ := p.receive()
			refs = append(refs, refOf(f))
		}
		p.quiet()
		began := time.Now()
		for i := 1; i < maxWindow; i += 2 {
			p.sendf(`["error",%s,"rate","",{"retry":%d}]`, refs[i], 10*i)
		}
		for i := 0; i < maxWindow; i += 2 {
			p.sendf(`["joined",%s,"room %d",{"epoch":"e1","recovered":true}]`, refs[i], i)
		}
		p.quiet()
		for range maxWindow/2 + 70 - maxWindow {
			f, ok := p.receive()
			if !ok || elements(f)[0] != "join" {
				t.Fatalf("got %q, want the next join", f)
			}
			p.quiet()
			p.sendf(`["joined",%s,%q,{"epoch":"e1","recovered":true}]`, refOf(f), elements(f)[2])
		}
		if passed := time.Since(began); passed < 630*time.Millisecond || passed > time.Second {
			t.Errorf("joined again after %v, want 630ms", passed)
		}
		p.quiet()
	})
}

func TestRoom_joinRefusedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		p.cut()
		p = s.welcome()
		p.expect(`["join",2,"a",{"since":["e1",0]}]`)
		p.send(`["error",2,"internal","the server has failed"]`)
		p.expect(`["join",2,"a",{"since":["e1",0]}]`)
		p.send(`["error",2,"denied","not any more"]`)
		if _, err := r.Receive(t.Context()); !errors.Is(err, ErrDenied) {
			t.Errorf("Receive: %v, want ErrDenied", err)
		}
		if _, err := r.Publish(t.Context(), Message{}); !errors.Is(err, ErrDenied) {
			t.Errorf("Publish: %v, want ErrDenied", err)
		}
		joined(t, c, p, "a", JoinOptions{}, `["join",3,"a"]`)
	})
}
