package geist_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// Three connections have one secret. The first is in the midst of publishing when the second
// comes and ends, still waiting for it; the third must wait, too: else it would publish again
// what the first is about to.
func TestRooms_replacedWhileWaiting(t *testing.T) {
	for name, leave := range map[string]func(second *roomClient){
		"replaced": func(*roomClient) {},
		"gone":     (*roomClient).cut,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Bool
				proceed := make(chan struct{})
				h := hub.New(hub.Config{Room: func(string) hub.RoomConfig {
					if !asked.Swap(true) {
						<-proceed
					}
					return hub.RoomConfig{}
				}})
				app := geist.New()
				app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
				c := geisttest.New(t, app)
				first := openRoom(t, c, "text", "/rt")
				first.greet(roomHello)
				first.send(`["pub",1,"a",1]`)
				synctest.Wait()
				second := openRoom(t, c, "text", "/rt")
				second.send(roomHello)
				synctest.Wait()
				leave(second)
				synctest.Wait()
				third := openRoom(t, c, "text", "/rt")
				third.send(roomHello)
				third.send(`["pub",1,"a",1,{"since":["",0]}]`)
				synctest.Wait()
				close(proceed)
				synctest.Wait()
				third.want(`["welcome",{}]`, `["ok",1,{"offset":1}]`)
				if n := h.Stats().Published; n != 1 {
					t.Errorf("published %d times, want once", n)
				}
				for _, r := range []*roomClient{first, second, third} {
					r.cut()
				}
				synctest.Wait()
				if n := geist.Sessions(app); n != 0 {
					t.Errorf("%d sessions are known, want none", n)
				}
			})
		})
	}
}
