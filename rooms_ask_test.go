package geist_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// Recheck finds the user on each node.
func TestRooms_recheck(t *testing.T) {
	var bus hub.Bus
	near, far := hub.New(hub.Config{Backplane: bus.Node()}), hub.New(hub.Config{Backplane: bus.Node()})
	var banned atomic.Bool
	p, _ := vectorPolicy("token")
	for _, way := range roomWays {
		banned.Store(false)
		p.Join = func(_ context.Context, r *hub.JoinRequest) error {
			if banned.Load() && r.Room == "a" {
				return geist.NewError(403, "banned")
			}
			return nil
		}
		p.Call = func(ctx context.Context, _ *hub.CallRequest) ([]byte, error) {
			banned.Store(true)
			return nil, near.Recheck(ctx, "ada")
		}
		r := openRoom(t, newRooms(t, far, p), way, "/rt")
		r.send(`["hello",{"token":"good"}]`)
		r.want(`["welcome",{"user":"ada"}]`)
		for i, room := range []string{"a", "b"} {
			r.send(fmt.Sprintf(`["join",%d,%q]`, i+1, room))
			r.want(fmt.Sprintf(`["joined",%d,%q,{}]`, i+1, room))
		}
		r.send(`["call",3,"ban"]`)
		got := []any{r.next(), r.next()}
		if !alike(parseFrame(t, `[["ok",3],["left","a","denied","banned"]]`), got, map[string]any{}) {
			t.Errorf("%s: got %v", way, got)
		}
		r.send(`["leave",4,"b"]`)
		r.want(`["ok",4]`)
		r.cut()
	}
	for _, h := range []*hub.Hub{near, far} {
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := h.Recheck(t.Context(), "ada"); !errors.Is(err, hub.ErrClosed) {
			t.Errorf("Recheck of a closed hub: %v, want ErrClosed", err)
		}
	}
}

func TestRooms_request(t *testing.T) {
	h := newRoomHub()
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	app.WS("/raw", func(_ *geist.Ctx, ws *geist.Conn) error {
		if err := h.Attach(ws, hub.As("raw")); err != nil {
			return err
		}
		if err := ws.Write(geist.TextMessage, []byte(ws.ID().String())); err != nil {
			return err
		}
		_, err := ws.Read()
		return err
	})
	c := geisttest.New(t, app)
	ctx := t.Context()
	raw := c.WS("/raw")
	rawID, err := hub.ParseConnID(string(raw.Next().Data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Request(ctx, rawID, hub.Message{}); !errors.Is(err, hub.ErrCannotTell) {
		t.Errorf("Request to a raw WebSocket: %v, want ErrCannotTell", err)
	}
	if _, err := h.Request(ctx, hub.NewConnID(), hub.Message{}); !errors.Is(err, hub.ErrNoConn) {
		t.Errorf("Request to nobody: %v, want ErrNoConn", err)
	}
	for _, way := range roomWays {
		r := openRoom(t, c, way, "/rt")
		id, err := hub.ParseConnID(r.greet(roomHello))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Request(ctx, id, hub.Message{Binary: true}); !errors.Is(err, hub.ErrMessage) {
			t.Errorf("a binary Request: %v, want ErrMessage", err)
		}
		asked, cancel := context.WithCancel(ctx)
		ask := func(ctx context.Context, data string) <-chan string {
			answer := make(chan string, 1)
			go func() { // ends with the answer, or what stands for it
				m, err := h.Request(ctx, id, hub.Message{Event: "quiz", Data: []byte(data)})
				if err != nil {
					answer <- err.Error()
					return
				}
				answer <- string(m.Data)
			}()
			return answer
		}
		one := ask(ctx, `{"q":1}`)
		r.want(`["ask",1,{"q":1},"quiz"]`)
		two := ask(asked, `what?`)
		r.want(`["ask",2,"what?","quiz"]`)
		cancel()
		if got := <-two; got != context.Canceled.Error() {
			t.Errorf("a Request that was given up: %s", got)
		}
		r.send(`["answer",2,"too late"]`)
		r.send(`["answer",1,[42]]`)
		if got := <-one; got != "[42]" {
			t.Errorf("got the answer %s, want [42]", got)
		}
		three := ask(ctx, "3")
		r.want(`["ask",3,3,"quiz"]`)
		r.cut()
		if got := <-three; got != hub.ErrConnClosed.Error() {
			t.Errorf("a Request whose client leaves: %s, want ErrConnClosed", got)
		}
	}
}

// Who becomes another user by a new token is asked for its rooms again.
func TestRooms_anotherUser(t *testing.T) {
	p := openPolicy()
	p.Auth = func(_ context.Context, token string) (hub.Identity, error) { return hub.Identity{User: token}, nil }
	p.Join = func(_ context.Context, r *hub.JoinRequest) error {
		if r.Conn.User() != "ada" && r.Room == "hers" {
			return hub.Refuse("denied", "it is ada's")
		}
		if r.Renewal && r.Room == "broken" {
			panic("a mistake")
		}
		return nil
	}
	for _, way := range roomWays {
		r := openRoom(t, newRooms(t, newRoomHub(), p), way, "/rt")
		r.greet(`["hello",{"token":"ada"}]`)
		for i, room := range []string{"hers", "open", "broken"} {
			r.send(fmt.Sprintf(`["join",%d,%q]`, i+1, room))
			r.want(fmt.Sprintf(`["joined",%d,%q,{}]`, i+1, room))
		}
		r.send(`["auth",4,"ada"]`)
		r.want(`["ok",4,{}]`)
		r.send(`["auth",5,"bob"]`)
		r.want(`["ok",5,{}]`)
		left := map[any]any{}
		for range 2 {
			f := r.next()
			left[at(f, 1)] = at(f, 2)
		}
		if left["hers"] != "denied" || left["broken"] != "internal" {
			t.Errorf("%s: left %v, want hers denied and broken, whose policy panics", way, left)
		}
		r.send(`["leave",6,"open"]`)
		r.want(`["ok",6]`)
		r.cut()
	}
}

// A POST that waits for a policy gives up with its client, and does nothing then.
func TestRooms_postWaits(t *testing.T) {
	p := openPolicy()
	inside, proceed := make(chan struct{}), make(chan struct{})
	p.Call = func(ctx context.Context, r *hub.CallRequest) ([]byte, error) {
		if r.Name == "slow" {
			close(inside)
			<-proceed
		}
		return []byte(`"done"`), nil
	}
	c := newRooms(t, newRoomHub(), p)
	r := openRoom(t, c, "events", "/rt")
	r.greet(roomHello)
	slow := make(chan error, 1)
	post := func(ctx context.Context, body string) error {
		_, err := c.POST("/rt").Context(ctx).Header("Geist-Stream", r.key).Header("Content-Type", "application/json").BodyString(body).DoErr()
		return err
	}
	go func() { slow <- post(context.Background(), `[["call",1,"slow"]]`) }() // ends with the call
	<-inside
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error, 1)
	go func() { waiting <- post(ctx, `[["call",2,"quick"]]`) }() // ends with ctx
	cancel()
	if err := <-waiting; err == nil {
		t.Error("the second POST was answered while the first one worked")
	}
	waitForGoroutinesOf(t, "takeFrames", 1)
	close(proceed)
	if err := <-slow; err != nil {
		t.Errorf("the first POST: %v", err)
	}
	r.want(`["ok",1,"done"]`)
	r.send(`["ping",3]`)
	r.want(`["ok",3]`)
}

// waitForGoroutinesOf waits until so many goroutines are in a function.
func waitForGoroutinesOf(t *testing.T, function string, n int) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	waitFor(t, function+" runs only as often as it should", func() bool {
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "geist."+function+"(") == n
	})
}

// The protocol goes over TLS as over TCP.
func TestRooms_overTLS(t *testing.T) {
	app := geist.New()
	app.Rooms("/rt", newRoomHub(), func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	c := geisttest.New(t, app, geisttest.Config{TLS: true})
	for _, way := range roomWays {
		r := openRoom(t, c, way, "/rt")
		r.greet(roomHello)
		r.send(`["join",1,"a",{"last":1}]`)
		r.want(`["joined",1,"a",{}]`)
		r.send(`["pub",2,"a",1,{"echo":false}]`)
		r.until(`["ok",2,{}]`)
		r.send(`["leave",3,"a"]`)
		r.until(`["ok",3]`)
		r.cut()
	}
}

// A client that the application has taken out of a room may join it again.
func TestRooms_takenOut(t *testing.T) {
	h := newRoomHub()
	p := openPolicy()
	p.Call = func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
		return []byte(strconv.FormatBool(h.Leave(r.Conn, r.Name))), nil
	}
	for _, way := range roomWays {
		r := openRoom(t, newRooms(t, h, p), way, "/rt")
		r.greet(roomHello)
		r.send(`["join",1,"a"]`)
		r.want(`["joined",1,"a",{}]`)
		r.send(`["call",2,"a"]`)
		r.want(`["ok",2,true]`)
		r.send(`["join",3,"a"]`)
		r.want(`["joined",3,"a",{}]`)
		r.cut()
	}
}

// What a function of the application returns stands in frames as it is: if it is no JSON, or
// no UTF-8, which would end the connection, it is not sent.
func TestRooms_resultThatIsNone(t *testing.T) {
	p := openPolicy()
	p.Call = func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
		return map[string][]byte{"cut": []byte("{"), "bytes": []byte("\"\xff\"")}[r.Name], nil
	}
	p.Join = func(_ context.Context, r *hub.JoinRequest) error {
		r.Shown = []byte("\"\xff\"")
		return nil
	}
	for _, way := range roomWays {
		r := openRoom(t, newRooms(t, newRoomHub(), p), way, "/rt")
		r.greet(`["hello"]`)
		for i, frame := range []string{`["call",1,"cut"]`, `["call",2,"bytes"]`} {
			r.send(frame)
			r.want(fmt.Sprintf(`["error",%d,"internal","*"]`, i+1))
		}
		r.send(`["join",3,"p:a",{"presence":true}]`)
		r.want(`["error",3,"bad_show","*"]`)
		r.cut()
	}
}

// Who asks does not wait for a connection that has ended, even if a function of the policy is
// at work and does.
func TestRooms_requestWhileBusy(t *testing.T) {
	h := newRoomHub()
	p := openPolicy()
	asked := make(chan error, 1)
	p.Call = func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
		_, err := h.Request(context.Background(), r.Conn.ID(), hub.Message{Data: []byte("1")}) // which it must not
		asked <- err
		return nil, err
	}
	r := openRoom(t, newRooms(t, h, p), "events", "/rt")
	r.greet(`["hello"]`)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = r.c.POST(r.path).Header("Geist-Stream", r.key).Header("Content-Type", "application/json").BodyString(`[["call",1,"f"]]`).DoErr()
	})
	r.want(`["ask",1,1]`)
	r.cut()
	if err := <-asked; !errors.Is(err, hub.ErrConnClosed) {
		t.Errorf("Request: %v, want ErrConnClosed", err)
	}
	wg.Wait()
}

// Who is banned while a POST of several commands is taken need not be kept until its end.
func TestRooms_recheckWithinAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newRoomHub()
		p := openPolicy()
		p.User = "ada"
		banned := false
		p.Join = func(context.Context, *hub.JoinRequest) error {
			if banned {
				return hub.Refuse("denied", "banned")
			}
			return nil
		}
		p.Call = func(ctx context.Context, _ *hub.CallRequest) ([]byte, error) {
			banned = true
			err := h.Recheck(ctx, "ada")
			time.Sleep(time.Second) // meanwhile Recheck waits
			return nil, err
		}
		r := openRoom(t, newRooms(t, h, p), "events", "/rt")
		r.greet(`["hello"]`)
		r.post(`[["join",1,"a"],["call",2,"ban"],["ping",3]]`).Status(202)
		r.want(`["joined",1,"a",{}]`, `["ok",2]`, `["left","a","denied","banned"]`, `["ok",3]`)
	})
}
