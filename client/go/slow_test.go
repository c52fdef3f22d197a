package geistclient

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoom_slowReader holds that a room that nobody reads is left, and joined again where it was, and that
// everything else goes on meanwhile.
func TestRoom_slowReader(t *testing.T) {
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				conf.Buffer = 4
				c, p := s.dial(conf)
				slow := joined(t, c, p, "slow", JoinOptions{}, `["join",1,"slow"]`)
				quick := joined(t, c, p, "quick", JoinOptions{}, `["join",2,"quick"]`)
				for i := 1; i <= 6; i++ {
					p.sendf(`["m","slow",%d,%d]`, i, i)
				}
				p.expect(`["leave",3,"slow"]`)
				p.send(`["m","quick",1,1]`)
				if m := received(t, quick); m.Position.Offset != 1 {
					t.Errorf("got %+v", m)
				}
				if slow.Position() != (Position{"e1", 4}) {
					t.Errorf("position = %v, want e1 4", slow.Position())
				}
				p.send(`["ok",3]`)
				if m := received(t, slow); m.Position.Offset != 1 {
					t.Errorf("got %+v, want message 1", m)
				}
				p.quiet() // half is not free yet
				if m := received(t, slow); m.Position.Offset != 2 {
					t.Errorf("got %+v, want message 2", m)
				}
				p.expect(`["join",4,"slow",{"since":["e1",4]}]`)
				p.send(`["m","slow",7,7]`) // of the time before
				p.send(`["joined",4,"slow",{"epoch":"e1","offset":4,"recovered":true}]`)
				for i := 5; i <= 6; i++ {
					p.sendf(`["m","slow",%d,%d]`, i, i)
				}
				for i := uint64(3); i <= 6; i++ {
					if m := received(t, slow); m.Position.Offset != i {
						t.Errorf("got %+v, want message %d", m, i)
					}
				}
				p.quiet()
			})
		})
	}
}

// TestRoom_slowReaderWhileCut holds that a room that waits for its reader is joined once somebody
// reads, whatever becomes of the connection.
func TestRoom_slowReaderWhileCut(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(fmt.Sprint("read before the connection: ", early), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(Config{Buffer: 1})
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				p.send(`["m","a",1,1]`)
				p.send(`["m","a",2,2]`)
				p.expect(`["leave",2,"a"]`)
				p.cut()
				<-p.gone
				if early {
					synctest.Wait()
					received(t, r)
				}
				p = s.welcome()
				if !early {
					p.quiet()
					received(t, r)
				}
				p.expect(`["join",3,"a",{"since":["e1",1]}]`)
				p.send(`["joined",3,"a",{"epoch":"e1","offset":1,"recovered":true}]`)
				p.send(`["m","a",2,2]`)
				if m := received(t, r); m.Position.Offset != 2 {
					t.Errorf("got %+v, want message 2", m)
				}
			})
		})
	}
}

// TestRoom_gapWithoutSpace holds that a gap is told even if there is no space for it when it comes.
func TestRoom_gapWithoutSpace(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{Buffer: 1})
		r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
		p.send(`["m","a",1,1]`)
		p.send(`["gap","a",{"epoch":"e1","offset":9}]`)
		p.expect(`["leave",2,"a"]`)
		received(t, r)
		p.expect(`["join",3,"a",{"since":["e1",1]}]`)
		p.send(`["joined",3,"a",{"epoch":"e1","offset":9,"recovered":false}]`)
		p.send(`["gap","a",{"epoch":"e1","offset":9}]`)
		if m := received(t, r); m.Gap == nil || m.Gap.From != (Position{"e1", 1}) || m.Gap.To != (Position{"e1", 9}) {
			t.Errorf("got %+v, want a gap from 1 to 9", m)
		}
	})
}

// TestRoom_slowReaderTakenOut holds that the server's word counts that it has taken the client out of a
// room that waits for its reader, unless the client has asked to be let in again since.
func TestRoom_slowReaderTakenOut(t *testing.T) {
	for _, asked := range []bool{false, true} {
		t.Run(fmt.Sprint("asked again: ", asked), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				c, p := s.dial(Config{Buffer: 1})
				r := joined(t, c, p, "a", JoinOptions{}, `["join",1,"a"]`)
				p.send(`["m","a",1,1]`)
				p.send(`["m","a",2,2]`)
				p.expect(`["leave",2,"a"]`)
				if asked {
					received(t, r)
					p.expect(`["join",3,"a",{"since":["e1",1]}]`)
				}
				p.send(`["left","a","denied"]`)
				p.send(`["error",2,"not_joined"]`)
				if asked {
					p.send(`["joined",3,"a",{"epoch":"e1","offset":1,"recovered":true}]`)
					p.send(`["m","a",2,2]`)
				}
				if m := received(t, r); m.Position.IsZero() {
					t.Errorf("got %+v, want a message", m)
				}
				p.quiet()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := r.Receive(ctx); errors.Is(err, ErrDenied) == asked {
					t.Errorf("Receive: %v", err)
				}
			})
		})
	}
}
