package geistclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
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
				for _, name := range []string{"publish without log", "publish elsewhere", "call"} {
					if err := <-results[name]; !errors.Is(err, ErrUnknownOutcome) {
						t.Errorf("%s: %v, want ErrUnknownOutcome", name, err)
					}
				}
				start("publish later", publish(Message{Data: []byte("4")}))
				start("call later", func() error { _, err := c.Call(ctx, "g", []byte("[]")); return err })
				p = s.welcome()
				p.expect(`["join",9,"a",{"since":["e1",4]}]`)
				p.expect(`["pub",2,"a",1,{"since":["e1",0]}]`)
				p.expect(`["show",6,"a",3]`)
				p.expect(`["pub",7,"a",4]`)
				p.expect(`["call",8,"g",[]]`)
				p.send(`["joined",9,"a",{"epoch":"e1","offset":4,"recovered":true}]`)
				p.send(`["ok",7,{"epoch":"e1","offset":5}]`)
				p.send(`["ok",6]`)
				p.send(`["error",2,"unknown_outcome","who knows"]`)
				p.send(`["ok",8,{}]`)
				for name, want := range map[string]error{"publish": ErrUnknownOutcome, "show": nil, "publish later": nil, "call later": nil} {
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

// TestClient_goesSlowlyAfterRate holds that what the client repeats by itself waits for as long as the server says,
// and is then sent one by one.
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
			if !ok {
				t.Fatal("not joined again")
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

func TestClient_watchdog(t *testing.T) {
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				_, p := s.dial(conf)
				began := time.Now()
				time.Sleep(20 * time.Second)
				p.send(`["m","",0,1]`)
				p.expect(`["ping",1]`)
				if passed := time.Since(began); passed < 45*time.Second || passed > 46*time.Second {
					t.Errorf("asked after %v, want 45s", passed)
				}
				p.send(`["ok",1]`)
				p.expect(`["ping",2]`)
				began = time.Now()
				s.welcome()
				if passed := time.Since(began); passed < grace || passed > grace+time.Second {
					t.Errorf("connected again after %v, want %v", passed, grace)
				}
			})
		})
	}
}

// TestClient_heartbeats holds that a server that only shows that it lives is not asked.
func TestClient_heartbeats(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		for range 10 {
			time.Sleep(20 * time.Second)
			if err := p.ping(); err != nil {
				t.Fatal(err)
			}
		}
		p.quiet()
		if c.State() != Open {
			t.Errorf("state = %v, want Open", c.State())
		}
	})
	inBubble(t, func(t *testing.T, s *server) {
		_, p := s.dial(Config{Transport: EventStream})
		for range 10 {
			time.Sleep(20 * time.Second)
			_ = p.write([]byte("\n: alive")) // a data line that is empty, and a comment
		}
		p.quiet()
	})
}

func TestClient_token(t *testing.T) {
	hello := func(p *conn, token string, ttl int) {
		p.expect(fmt.Sprintf(`["hello",{"session":"vectors-session-1","token":%q}]`, token))
		p.sendf(`["welcome",{"conn":"c","user":"ada","ttl":%d}]`, ttl)
	}
	inBubble(t, func(t *testing.T, s *server) {
		n := 0
		var fails atomic.Bool
		conf := Config{HTTPClient: s.client, Session: "vectors-session-1", Watchdog: -1, Token: func(context.Context) (string, error) {
			if fails.Load() {
				return "", errors.New("no more")
			}
			n++
			return fmt.Sprint("t", n), nil
		}}
		dialed := make(chan *Client)
		go func() {
			c, err := Dial(t.Context(), "ws://server/rt", conf)
			if err != nil {
				t.Error(err)
			}
			dialed <- c
		}()
		p := s.next()
		hello(p, "t1", 10_000)
		c := <-dialed
		defer func() { _ = c.Close() }()
		if id := c.Identity(); id.User != "ada" || id.Conn != "c" {
			t.Errorf("identity = %+v", id)
		}
		began := time.Now()
		p.expect(`["auth",1,"t2"]`)
		if passed := time.Since(began); passed != 8*time.Second {
			t.Errorf("renewed after %v, want 8s", passed)
		}
		p.send(`["ok",1,{"ttl":50000}]`)
		p.expect(`["auth",2,"t3"]`)
		p.send(`["error",2,"unauthorized"]`)
		began = time.Now()
		p.expect(`["auth",3,"t4"]`)
		if passed := time.Since(began); passed != 8*time.Second {
			t.Errorf("tried again after %v, want 80 %% of the 10 s that are left", passed)
		}
		fails.Store(true)
		p.send(`["ok",3,{"ttl":10000}]`)
		time.Sleep(9 * time.Second)
		fails.Store(false)
		p.send(`["bye","expired"]`)
		p.end(4401)
		p = s.next()
		if p == nil {
			t.Fatal("not connected again")
		}
		hello(p, "t5", 0)
		p.quiet()
	})
}

// TestClient_tooLarge holds that a message that the server takes on no connection is not sent for ever.
func TestClient_tooLarge(t *testing.T) {
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(conf)
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				small := make(chan error, 1)
				go func() {
					_, err := r.Publish(t.Context(), Message{Data: []byte("1")})
					small <- err
				}()
				p.expect(`["pub",2,"a",1]`)
				go func() {
					again := s.welcome()
					again.expect(`["join",4,"a",{"since":["e1",0]}]`)
					again.expect(`["pub",2,"a",1,{"since":["e1",0]}]`)
					again.send(`["ok",2,{"epoch":"e1","offset":1}]`)
				}()
				_, err := r.Publish(t.Context(), Message{Data: []byte(`"` + strings.Repeat("x", 130<<10) + `"`)})
				if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnknownOutcome) {
					t.Errorf("Publish: %v, want ErrTooLarge", err)
				}
				if err := <-small; err != nil {
					t.Errorf("Publish of the small one: %v", err)
				}
			})
		})
	}
}

func TestClient_auto(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var asked []string
		s.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			asked = append(asked, r.Method+" "+r.Header.Get("Upgrade"))
			if r.Header.Get("Upgrade") == "" {
				return false
			}
			w.WriteHeader(http.StatusBadGateway) // as a proxy does that knows no WebSockets
			return true
		}
		c, p := s.dial(Config{Transport: Auto, Header: http.Header{"X-Tenant": {"t1"}}})
		joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		if p.header.Get("X-Tenant") != "t1" || p.url != "/rt?protocol=geist.v1" {
			t.Errorf("asked for %s with %v", p.url, p.header)
		}
		if len(asked) < 3 || asked[0] != "GET websocket" || asked[1] != "GET " || asked[2] != "POST " {
			t.Errorf("asked %q", asked)
		}
	})
}

// TestClient_postsOneByOne holds that what is sent at once travels in one POST, and that none overtakes another.
func TestClient_postsOneByOne(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		under := 0
		s.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				if under++; under > 1 {
					t.Error("two POSTs at once")
				}
				time.Sleep(time.Second)
				under--
			}
			return false
		}
		c, p := s.dial(Config{Transport: EventStream})
		for i := range 30 {
			go func() { _, _ = c.Call(t.Context(), fmt.Sprint(i), nil) }()
		}
		for range 30 {
			f, _ := p.receive()
			p.sendf(`["ok",%s]`, refOf(f))
		}
		if len(p.bodies) < 2 || len(p.bodies) > 4 {
			t.Errorf("%d POSTs, want one with hello and two or three with 30 calls", len(p.bodies))
		}
	})
}

func TestDial_errors(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
	}
	down := errors.New("the vault is closed")
	for _, tt := range []struct {
		name   string
		url    string
		conf   Config
		refuse func(http.ResponseWriter, *http.Request) bool
		want   error
		text   string
	}{
		{name: "unauthorized", refuse: status(401), want: ErrUnauthorized, text: "401 Unauthorized"},
		{name: "denied", refuse: status(403), want: ErrDenied},
		{name: "denied, by both transports", conf: Config{Transport: Auto}, refuse: status(403), want: ErrDenied},
		{name: "of another version", conf: Config{Transport: EventStream}, refuse: status(406), want: ErrVersion},
		{name: "draining", refuse: status(503), want: ErrUnavailable},
		{name: "no stream", conf: Config{Transport: EventStream}, refuse: status(200), want: ErrVersion},
		{name: "no subprotocol", want: ErrVersion, refuse: func(w http.ResponseWriter, r *http.Request) bool {
			ws, err := websocket.Accept(w, r, nil)
			if err == nil {
				_, _, _ = ws.Read(context.Background())
				_ = ws.CloseNow()
			}
			return true
		}},
		{name: "no welcome", want: context.DeadlineExceeded},
		{name: "no token", conf: Config{Token: func(context.Context) (string, error) { return "", down }}, want: down, text: "Config.Token"},
		{name: "session", conf: Config{Session: "short"}, want: ErrSession},
		{name: "transport", conf: Config{Transport: "carrier pigeon"}, text: "carrier pigeon"},
		{name: "negative", conf: Config{Buffer: -1, MaxDelay: -1}, text: "Config.Buffer is -1"},
		{name: "scheme", url: "ftp://server/rt", text: "ftp://server/rt is no URL"},
		{name: "url", url: "http://[", text: "missing ']'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				s.refuse = tt.refuse
				conf := tt.conf
				conf.HTTPClient = s.client
				url := tt.url
				if url == "" {
					url = "ws://server/rt"
				}
				c, err := Dial(t.Context(), url, conf)
				if err == nil {
					_ = c.Close()
				}
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("Dial: %v, want %v %s", err, tt.want, tt.text)
				}
			})
		})
	}
}
