package geistclient

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestClient_direct(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		c, p := s.dial(Config{Buffer: 2})
		for i := range 5 {
			p.sendf(`["m","",0,%d,"","e"]`, i)
		}
		synctest.Wait()
		for _, want := range []string{"0", "1", "gap"} {
			m := received(t, c)
			if want == "gap" {
				if m.Gap == nil || m.Gap.Missed != 3 {
					t.Errorf("got %+v, want a gap of 3", m)
				}
			} else if string(m.Data) != want || m.Event != "e" || !m.Position.IsZero() {
				t.Errorf("got %+v, want %s", m, want)
			}
		}
		p.send(`["t","",0,"after"]`)
		for m, err := range c.Messages(t.Context()) {
			if err != nil || string(m.Data) != "after" {
				t.Errorf("got %+v, %v", m, err)
			}
			break
		}
	})
}

func TestClient_asks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		release := make(chan struct{})
		_, p := s.dial(Config{OnAsk: func(ctx context.Context, m Message) ([]byte, error) {
			switch m.Event {
			case "fail":
				return nil, errors.New("no idea")
			case "garbage":
				return []byte("{"), nil
			case "null":
				return nil, nil
			case "late":
				<-ctx.Done()
			case "block":
				<-release
			}
			return m.Data, nil
		}})
		p.send(`["ask",1,{"q":1},"echo"]`)
		p.expect(`["answer",1,{"q":1}]`)
		p.send(`["ask",2,1,"fail"]`)
		p.send(`["ask",3,1,"garbage"]`)
		p.quiet()
		p.send(`["ask",4,1,"null"]`)
		p.expect(`["answer",4]`)
		p.send(`["ask",5,1,"late"]`)
		synctest.Wait()
		p.cut()
		p = s.welcome()
		p.quiet()
		for n := range maxAsks + 1 {
			p.sendf(`["ask",%d,%d,"block"]`, n+6, n)
		}
		synctest.Wait()
		close(release)
		answers := 0
		for range maxAsks {
			if _, ok := p.receive(); ok {
				answers++
			}
		}
		p.quiet()
		if answers != maxAsks {
			t.Errorf("%d answers, want %d", answers, maxAsks)
		}
	})
}
