package geistclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

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

// TestClient_postsOneByOne holds that what is sent at once travels in one POST, and that none overtakes
// another.
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
