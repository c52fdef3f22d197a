package geistclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// joined joins a room at offset 0 of epoch e1, on both sides.
func joined(t *testing.T, c *Client, p *conn, room string, options JoinOptions, frame string) *Room {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.expect(frame)
		p.sendf(`["joined",%s,%q,{"epoch":"e1","offset":0,"head":0}]`, refOf(frame), room)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := c.Join(ctx, room, options)
	<-done
	if err != nil {
		t.Fatalf("Join: %v", err)
	}
	return r
}

func refOf(frame string) string { return fmt.Sprint(elements(frame)[1]) }

// received waits for the next message of a room, within a minute.
func received(t *testing.T, r interface {
	Receive(context.Context) (Message, error)
}) Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := r.Receive(ctx)
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return m
}

func TestRoom_publishAndReceive(t *testing.T) {
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(conf)
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				go func() {
					p.expect(`["pub",2,"a",{"x":1}]`)
					p.sendf(`["m","a",7,{"x":1},"%s.2"]`, author("vectors-session-1"))
					p.send(`["ok",2,{"epoch":"e1","offset":7}]`)
					p.send(`["t","a",9,"h\u00e9","","said"]`)
					p.send(`["b","a",10,"AAEC"]`)
				}()
				pos, err := r.Publish(t.Context(), Message{Data: []byte(`{"x":1}`)})
				if err != nil || pos != (Position{"e1", 7}) {
					t.Fatalf("Publish = %v, %v; want e1 7", pos, err)
				}
				for _, want := range []Message{
					{Data: []byte(`{"x":1}`), ID: author("vectors-session-1") + ".2", Mine: true, Position: Position{"e1", 7}},
					{Data: []byte("hé"), Kind: Text, Event: "said", Position: Position{"e1", 9}},
					{Data: []byte{0, 1, 2}, Kind: Bytes, Position: Position{"e1", 10}},
				} {
					got := received(t, r)
					if string(got.Data) != string(want.Data) || got.Kind != want.Kind || got.Event != want.Event ||
						got.ID != want.ID || got.Mine != want.Mine || got.Position != want.Position || got.Room != "a" {
						t.Errorf("got  %+v\nwant %+v", got, want)
					}
				}
			})
		})
	}
}

// encodings are the ways in which a client may speak.
var encodings = map[string]Config{
	"ws json":   {},
	"ws binary": {Binary: true},
	"sse":       {Transport: EventStream},
}

// Two processes with one session, one after the other: what the second publishes has other ids.
func TestConfig_sessionOfAnEarlierProcess(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		conf := Config{HTTPClient: s.client, Session: "vectors-session-1"}
		last := int64(0)
		for range 2 {
			time.Sleep(time.Second)
			accepted := make(chan *conn, 1)
			go func() { accepted <- s.welcome() }()
			c, err := Dial(t.Context(), "ws://server/rt", conf)
			if err != nil {
				t.Fatal(err)
			}
			p := <-accepted
			go func() { _, _ = c.Publish(t.Context(), "a", Message{}) }()
			ref, err := elements(<-p.in)[1].(json.Number).Int64()
			if err != nil || ref <= last || ref >= 1<<53 {
				t.Errorf("ref = %d, %v; want one above %d and below 2^53", ref, err, last)
			}
			last = ref + 1000
			_ = c.Close()
		}
	})
}

func TestClient_close(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		published := make(chan error, 1)
		go func() {
			_, err := r.Publish(t.Context(), Message{Data: []byte("1")})
			published <- err
		}()
		p.expect(`["pub",2,"a",1]`)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-published; !errors.Is(err, ErrClosed) || !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("Publish: %v, want ErrClosed and ErrUnknownOutcome", err)
		}
		if _, err := r.Receive(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Receive: %v, want ErrClosed", err)
		}
		if _, err := c.Receive(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Receive: %v, want ErrClosed", err)
		}
		if _, err := c.Join(t.Context(), "b", JoinOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Join: %v, want ErrClosed", err)
		}
		if c.State() != Closed {
			t.Errorf("state = %v, want Closed", c.State())
		}
		<-p.gone
		synctest.Wait()
	})
}
