package servertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/client/go"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// patience bounds what a test waits for.
const patience = 30 * time.Second

// ways are the ways in which a client may speak.
var ways = map[string]geistclient.Config{
	"ws json":   {},
	"ws binary": {Binary: true},
	"sse":       {Transport: geistclient.EventStream},
	"auto":      {Transport: geistclient.Auto},
}

// policy allows everything, and knows one token.
func policy() hub.Policy {
	return hub.Policy{
		Join: func(_ context.Context, r *hub.JoinRequest) error {
			if r.Room == "staff" {
				return hub.Refuse("denied", "staff only")
			}
			return nil
		},
		Publish: func(context.Context, *hub.PublishRequest) error { return nil },
		Auth: func(_ context.Context, token string) (hub.Identity, error) {
			user, ok := strings.CutPrefix(token, "token of ")
			if !ok {
				return hub.Identity{}, hub.Refuse("unauthorized", "no such token")
			}
			return hub.Identity{User: user, Expires: time.Now().Add(time.Second)}, nil
		},
		Call: func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
			if r.Name != "echo" {
				return nil, hub.Refuse("no_such_call", r.Name)
			}
			return r.Data, nil
		},
		Rate: 1e6, Burst: 1e6,
	}
}

// service is a server with a hub, over loopback.
type service struct {
	hub  *hub.Hub
	http *http.Client
	stop func() // ends the server that was started last
	mu   sync.Mutex
	addr string     // guarded by mu; of that server
	open []net.Conn // guarded by mu
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{hub: hub.New(hub.Config{Room: func(name string) hub.RoomConfig {
		return hub.RoomConfig{KeepMessages: 10_000, KeepBytes: 16 << 20, Presence: strings.HasPrefix(name, "p:")}
	}})}
	s.serve(t)
	s.http = &http.Client{Transport: &http.Transport{DialContext: s.dial}}
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// serve starts a server with the hub, which stops with the test, and leads clients to it.
func (s *service) serve(t *testing.T) {
	t.Helper()
	app := geist.New()
	app.Rooms("/rt", s.hub, func(*geist.Ctx) (hub.Policy, error) { return policy(), nil })
	at := make(chan string, 1)
	app.OnListen(func(a net.Addr) { at <- a.String() })
	done := make(chan error, 1)
	go func() { done <- app.Listen("127.0.0.1:0") }()
	s.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-done
	})
	t.Cleanup(s.stop)
	select {
	case a := <-at:
		s.mu.Lock()
		s.addr = a
		s.mu.Unlock()
	case err := <-done:
		t.Fatal(err)
	}
}

func (s *service) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	s.mu.Lock()
	addr := s.addr
	s.mu.Unlock()
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err == nil {
		s.mu.Lock()
		s.open = append(s.open, c)
		s.mu.Unlock()
	}
	return c, err
}

// cut breaks all connections of the clients, and returns how many there were.
func (s *service) cut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.open)
	for _, c := range s.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	s.open = nil
	return n
}

func (s *service) client(t *testing.T, conf geistclient.Config) *geistclient.Client {
	t.Helper()
	conf.HTTPClient = s.http
	if conf.MinDelay == 0 {
		conf.MinDelay, conf.MaxDelay = time.Millisecond, 20*time.Millisecond
	}
	c, err := geistclient.Dial(within(t), "ws://geist.test/rt", conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func join(t *testing.T, c *geistclient.Client, name string, o geistclient.JoinOptions) *geistclient.Room {
	t.Helper()
	r, err := c.Join(within(t), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func receive(t *testing.T, r *geistclient.Room) geistclient.Message {
	t.Helper()
	m, err := r.Receive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestServer_tour(t *testing.T) {
	for name, conf := range ways {
		t.Run(name, func(t *testing.T) { tour(t, conf) })
	}
}

// tour does everything once. Long on purpose: one step after the other.
func tour(t *testing.T, conf geistclient.Config) {
	s := newService(t)
	conf.Token = func(context.Context) (string, error) { return "token of ada", nil }
	conf.OnAsk = func(_ context.Context, m geistclient.Message) ([]byte, error) {
		return fmt.Appendf(nil, `{"asked":%s}`, m.Data), nil
	}
	c := s.client(t, conf)
	id := c.Identity()
	if id.User != "ada" || id.Conn == "" || len(id.Author) != 10 {
		t.Errorf("identity = %+v", id)
	}
	r := join(t, c, "p:room", geistclient.JoinOptions{Presence: true, Show: map[string]string{"name": "Ada"}})
	if m := receive(t, r); m.Presence == nil || !m.Presence.Reset || len(m.Presence.Joined) != 1 {
		t.Errorf("got %+v, want presence", m)
	}
	members, count := r.Members()
	if count != 1 || len(members) != 1 || members[0].Conn != id.Conn || members[0].User != "ada" || string(members[0].Shown) != `{"name":"Ada"}` {
		t.Errorf("members = %+v, %d", members, count)
	}
	for _, m := range []geistclient.Message{
		{Data: []byte(`{"x":[1,2,"<&>"]}`), Event: "drawn"},
		{Data: []byte("a text\nof \"two\" lines"), Kind: geistclient.Text},
		{Data: []byte{0, 255, 10, 13}, Kind: geistclient.Bytes},
	} {
		pos, err := r.Publish(within(t), m)
		if err != nil {
			t.Fatal(err)
		}
		got := receive(t, r)
		for got.Presence != nil {
			got = receive(t, r) // a later change
		}
		if string(got.Data) != string(m.Data) || got.Kind != m.Kind || got.Event != m.Event || got.Position != pos || !got.Mine {
			t.Errorf("got %+v, want %+v at %v", got, m, pos)
		}
	}
	if err := r.Show(within(t), "away"); err != nil {
		t.Error(err)
	}
	if got, err := c.Call(within(t), "echo", []byte(`[1]`)); err != nil || string(got) != "[1]" {
		t.Errorf("call = %s, %v", got, err)
	}
	var refused *geistclient.Error
	if _, err := c.Call(within(t), "nothing", nil); !errors.As(err, &refused) || refused.Code != "no_such_call" || refused.Text != "nothing" {
		t.Errorf("call: %v", err)
	}
	if _, err := c.Join(within(t), "staff", geistclient.JoinOptions{}); !errors.Is(err, geistclient.ErrDenied) {
		t.Errorf("join: %v, want ErrDenied", err)
	}
	if err := s.hub.SendUser(within(t), "ada", hub.Message{Data: []byte(`"hello"`), Event: "direct"}); err != nil {
		t.Error(err)
	}
	if m, err := c.Receive(within(t)); err != nil || string(m.Data) != `"hello"` || m.Event != "direct" {
		t.Errorf("direct: %+v, %v", m, err)
	}
	conn, err := hub.ParseConnID(id.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.hub.Request(within(t), conn, hub.Message{Data: []byte("7")}); err != nil || string(got.Data) != `{"asked":7}` {
		t.Errorf("asked: %s, %v", got.Data, err)
	}
	if err := r.Leave(within(t)); err != nil {
		t.Error(err)
	}
	if there, err := s.hub.Presence(within(t), "p:room"); err != nil || len(there) != 0 {
		t.Errorf("there are %v in the room, %v", there, err)
	}
}
