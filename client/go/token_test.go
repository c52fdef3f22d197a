package geistclient

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func TestClient_token(t *testing.T) {
	hello := func(p *conn, token string, ttl int) {
		p.expect(fmt.Sprintf(`["hello",{"session":"vectors-session-1","token":%q}]`, token))
		p.sendf(`["welcome",{"conn":"c","user":"ada","ttl":%d}]`, ttl)
	}
	inBubble(t, func(t *testing.T, s *server) {
		n := 0
		var fails atomic.Bool
		conf := Config{HTTPClient: s.client, Session: "vectors-session-1", now: epoch, Watchdog: -1, Token: func(context.Context) (string, error) {
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
