package geistclient

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoom_gap holds that what is missing is told, also if the connection breaks between the answer
// that says so and the server's gap, or that never comes.
func TestRoom_gap(t *testing.T) {
	for name, tt := range map[string]struct {
		frames []string // behind joined, over one connection after the other; "" cuts
		want   []Message
	}{
		"told": {
			[]string{`["gap","a",{"epoch":"e2","offset":5,"missed":3}]`, `["m","a",6,6]`},
			[]Message{{Gap: &Gap{Position{"e1", 2}, Position{"e2", 5}, 3}}, {Position: Position{"e2", 6}}},
		},
		"cut before": {
			[]string{"", `["gap","a",{"epoch":"e2","offset":5}]`, `["m","a",6,6]`},
			[]Message{{Gap: &Gap{Position{"e1", 2}, Position{"e2", 5}, -1}}, {Position: Position{"e2", 6}}},
		},
		"not told": {
			[]string{`["m","a",6,6]`},
			[]Message{{Gap: &Gap{Position{"e1", 2}, Position{"e2", 4}, -1}}, {Position: Position{"e2", 6}}},
		},
		"later": {
			[]string{`["gap","a",{"epoch":"e2","offset":5}]`, `["gap","a",{"epoch":"e3","offset":1}]`, `["m","a",2,2]`},
			[]Message{
				{Gap: &Gap{Position{"e1", 2}, Position{"e2", 5}, -1}}, {Gap: &Gap{Position{"e2", 5}, Position{"e3", 1}, -1}},
				{Position: Position{"e3", 2}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(Config{})
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				p.send(`["m","a",2,2]`)
				received(t, r)
				p.cut()
				ref := 2
				again := func() {
					p = s.welcome()
					p.expect(fmt.Sprintf(`["join",%d,"a",{"since":["e1",2]}]`, ref))
					p.sendf(`["joined",%d,"a",{"epoch":"e2","offset":4,"recovered":false}]`, ref)
					ref++
				}
				again()
				for _, f := range tt.frames {
					if f == "" {
						synctest.Wait()
						p.cut()
						again()
						continue
					}
					p.send(f)
				}
				for _, want := range tt.want {
					got := received(t, r)
					if !reflect.DeepEqual(got.Gap, want.Gap) || want.Gap == nil && got.Position != want.Position {
						t.Errorf("got %+v with gap %+v, want %+v with gap %+v", got, got.Gap, want, want.Gap)
					}
				}
			})
		})
	}
}

func TestRoom_dropsWhatItKnows(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{Since: Position{"e1", 5}}, `["join",1,"a",{"since":["e1",5]}]`)
		p.send(`["gap","a",{"epoch":"e1","offset":5}]`)
		for _, offset := range []int{5, 4, 7, 7, 6, 9} {
			p.sendf(`["m","a",%d,0]`, offset)
		}
		received(t, r)
		for _, want := range []uint64{7, 9} {
			if m := received(t, r); m.Position.Offset != want {
				t.Errorf("got offset %d, want %d", m.Position.Offset, want)
			}
		}
	})
}

func TestRoom_leave(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		if _, err := c.Join(t.Context(), "a", JoinOptions{}); !errors.Is(err, ErrAlreadyJoined) {
			t.Errorf("Join: %v, want ErrAlreadyJoined", err)
		}
		p.send(`["m","a",1,1]`)
		synctest.Wait()
		left := make(chan error, 1)
		go func() { left <- r.Leave(t.Context()) }()
		p.expect(`["leave",2,"a"]`)
		go func() {
			p.expect(`["join",3,"a"]`)
			p.send(`["m","a",2,"of the time before"]`)
			p.send(`["ok",2]`)
			p.send(`["joined",3,"a",{"epoch":"e1","offset":0}]`)
		}()
		next, err := c.Join(t.Context(), "a", JoinOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p.send(`["m","a",3,3]`)
		if err := <-left; err != nil {
			t.Errorf("Leave: %v", err)
		}
		if m := received(t, r); m.Position.Offset != 1 {
			t.Errorf("got %+v, want message 1", m)
		}
		if _, err := r.Receive(t.Context()); !errors.Is(err, ErrLeft) {
			t.Errorf("Receive: %v, want ErrLeft", err)
		}
		if err := r.Leave(t.Context()); !errors.Is(err, ErrLeft) {
			t.Errorf("Leave: %v, want ErrLeft", err)
		}
		if m := received(t, next); m.Position.Offset != 3 {
			t.Errorf("got %+v, want message 3", m)
		}
		go func() { left <- next.Leave(t.Context()) }()
		p.expect(`["leave",4,"a"]`)
		p.cut() // the server takes who ends out of the rooms
		if err := <-left; err != nil {
			t.Errorf("Leave: %v", err)
		}
		s.welcome().quiet()
	})
}

func TestRoom_left(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		p.send(`["m","a",1,1]`)
		p.send(`["left","a","expired","the lease has ended"]`)
		n := 0
		for m, err := range r.Messages(t.Context()) {
			if n++; n == 1 && (err != nil || m.Position.Offset != 1) {
				t.Errorf("got %+v, %v, want message 1", m, err)
			}
			var e *Error
			if n == 2 && (!errors.As(err, &e) || *e != Error{Code: "expired", Text: "the lease has ended"} || !errors.Is(err, ErrExpired)) {
				t.Errorf("got %v, want expired", err)
			}
		}
		if n != 2 {
			t.Errorf("%d items, want 2", n)
		}
		p.cut()
		s.welcome().quiet()
	})
}

func TestRoom_presence(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{Presence: true, Show: "me"}, `["join",1,"a",{"presence":true,"show":"me"}]`)
		for _, tt := range []struct {
			frame string
			want  string
			count int
		}{
			{`{"reset":true,"count":2,"joined":[{"conn":"c2","user":"bob"},{"conn":"c1","user":"ada","shown":"me"}]}`, "c1 ada \"me\", c2 bob , ", 2},
			{`{"count":3,"joined":[{"conn":"c3"}],"updated":[{"conn":"c2","user":"bob","shown":2}],"left":["c1","c9"]}`, "c2 bob 2, c3  , ", 3},
			{`{"reset":true,"count":5000,"joined":[{"conn":"c4"}]}`, "c4  , ", 5000},
		} {
			p.sendf(`["presence","a",%s]`, tt.frame)
			if m := received(t, r); m.Presence == nil || m.Presence.Count != tt.count || m.Room != "a" {
				t.Errorf("got %+v, want presence of %d", m, tt.count)
			}
			members, count := r.Members()
			got := ""
			for _, m := range members {
				got += fmt.Sprintf("%s %s %s, ", m.Conn, m.User, m.Shown)
			}
			if got != tt.want || count != tt.count {
				t.Errorf("members = %s and %d, want %s and %d", got, count, tt.want, tt.count)
			}
		}
	})
}

// TestRoom_contexts holds what becomes of commands that nobody waits for any more.
func TestRoom_contexts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{MaxPending: 1})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		publish := func(limit time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := r.Publish(ctx, Message{Data: []byte("1")})
			return err
		}
		if err := publish(time.Second); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("Publish that was sent: %v, want DeadlineExceeded and ErrUnknownOutcome", err)
		}
		p.expect(`["pub",2,"a",1]`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Join(ctx, "b", JoinOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Join: %v, want DeadlineExceeded", err)
		}
		p.expect(`["join",3,"b"]`)
		p.expect(`["leave",4,"b"]`)
		if _, err := r.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive: %v, want DeadlineExceeded", err)
		}
		for range 20 { // space and the end of ctx are both there
			if _, err := c.Publish(ctx, "c", Message{}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknownOutcome) {
				t.Errorf("Publish with a ctx that has ended: %v, want DeadlineExceeded alone", err)
			}
		}
		p.quiet()
		p.send(`["m","a",1,1]`)
		received(t, r)
		p.send(`["bye","draining",{"retry":60000}]`)
		p.end(1001)
		synctest.Wait()
		waiting := make(chan error, 1)
		go func() { waiting <- publish(time.Second) }()
		synctest.Wait()
		if err := publish(time.Second / 2); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("Publish beyond MaxPending: %v, want DeadlineExceeded alone", err)
		}
		if err := <-waiting; !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("Publish that was not sent: %v, want DeadlineExceeded alone", err)
		}
		time.Sleep(time.Minute)
		p = s.welcome()
		p.expect(`["join",6,"a",{"since":["e1",1]}]`)
		p.quiet()
	})
}

func TestRoom_badMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		for _, m := range []Message{
			{Data: []byte("{")},
			{Data: []byte{}},
			{Data: []byte{0xff}, Kind: Text},
			{Kind: 7},
			{Event: "\xff"},
		} {
			if _, err := r.Publish(t.Context(), m); !errors.Is(err, ErrMessage) {
				t.Errorf("Publish of %+v: %v, want ErrMessage", m, err)
			}
		}
		if err := r.Show(t.Context(), func() {}); !errors.Is(err, ErrMessage) {
			t.Errorf("Show: %v, want ErrMessage", err)
		}
		if _, err := c.Join(t.Context(), "b", JoinOptions{Show: make(chan int)}); !errors.Is(err, ErrMessage) {
			t.Errorf("Join: %v, want ErrMessage", err)
		}
		if _, err := c.Call(t.Context(), "f", []byte("{")); !errors.Is(err, ErrMessage) {
			t.Errorf("Call: %v, want ErrMessage", err)
		}
		p.quiet()
	})
}

// TestRoom_leaveThatWaits holds that a connection that breaks has left for who still waits to say so.
func TestRoom_leaveThatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{})
		joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		r := joined(t, c, p, "b", JoinOptions{}, `["join",2,"b"]`)
		p.cut()
		p = s.welcome()
		p.expect(`["join",3,"a",{"since":["e1",0]}]`)
		p.expect(`["join",4,"b",{"since":["e1",0]}]`)
		p.send(`["error",3,"rate","",{"retry":60000}]`)
		synctest.Wait()
		left := make(chan error, 1)
		go func() { left <- r.Leave(t.Context()) }()
		p.quiet()
		p.cut()
		if err := <-left; err != nil {
			t.Errorf("Leave: %v", err)
		}
		p = s.welcome()
		p.expect(`["join",6,"a",{"since":["e1",0]}]`)
		p.quiet()
	})
}
