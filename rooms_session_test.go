package geist_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// A connection whose secret another one has is ended, whatever ways they have come, and
// does nothing more once the new one is welcome.
func TestRooms_replaced(t *testing.T) {
	for i, way := range roomWays {
		other := roomWays[(i+1)%len(roomWays)]
		t.Run(way+" by "+other, func(t *testing.T) {
			begun, proceed := make(chan struct{}), make(chan struct{})
			p := openPolicy()
			p.Publish = func(ctx context.Context, _ *hub.PublishRequest) error {
				close(begun)
				<-ctx.Done() // the end of the old connection
				<-proceed
				return nil
			}
			h := hub.New(hub.Config{MaxConnsPerUser: 1})
			p.User = "ada"
			c := newRooms(t, h, p)
			old := openRoom(t, c, way, "/rt")
			old.greet(roomHello)
			done := make(chan struct{})
			go func() { // ends with the POST, or at once
				defer close(done)
				if old.ws != nil {
					old.send(`["pub",1,"a",1]`)
				} else if _, err := c.POST("/rt").Header("Geist-Stream", old.key).Header("Content-Type", "application/json").BodyString(`[["pub",1,"a",1],["pub",2,"a",1]]`).DoErr(); err != nil {
					t.Errorf("POST: %v", err)
				}
			}()
			<-begun
			welcome := make(chan struct{})
			fresh := openRoom(t, c, other, "/rt")
			go func() { // ends with the welcome
				defer close(welcome)
				fresh.greet(roomHello)
			}()
			old.want(`["bye","replaced"]`)
			select {
			case <-welcome:
				t.Error("the new connection was welcome while the old one published")
			default:
			}
			close(proceed)
			<-welcome
			<-done
			old.ended(4409)
			fresh.send(`["ping",1]`)
			fresh.want(`["ok",1]`)
		})
	}
}

// Credentials expire while the connection lives, unless they are renewed.
func TestRooms_expires(t *testing.T) {
	for _, way := range roomWays {
		synctest.Test(t, func(t *testing.T) {
			p := openPolicy()
			p.Auth = func(context.Context, string) (hub.Identity, error) {
				return hub.Identity{User: "ada", Expires: time.Now().Add(5 * time.Second)}, nil
			}
			r := openRoom(t, newRooms(t, newRoomHub(), p), way, "/rt")
			r.send(`["hello",{"token":"short"}]`)
			r.want(`["welcome",{"user":"ada","ttl":5000}]`)
			time.Sleep(4 * time.Second)
			r.send(`["auth",1,"short"]`)
			r.want(`["ok",1,{"ttl":5000}]`)
			began := time.Now()
			time.Sleep(4 * time.Second)
			r.send(`["ping",2]`)
			r.want(`["ok",2]`, `["bye","expired"]`)
			if took := time.Since(began); took < 5*time.Second || took > 6*time.Second {
				t.Errorf("%s: bye came after %s, want 5 s", way, took)
			}
			r.ended(4401)
		})
	}
}

// So do those that the policy has given.
func TestRooms_policyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openPolicy()
		p.Expires = time.Now().Add(time.Second)
		r := openRoom(t, newRooms(t, newRoomHub(), p), "text", "/rt")
		r.send(`["hello"]`)
		r.want(`["welcome",{"ttl":1000}]`, `["bye","expired"]`)
		r.ended(4401)
	})
}

// The permission for a room is asked for again when it has expired.
func TestRooms_renewal(t *testing.T) {
	for _, way := range roomWays {
		synctest.Test(t, func(t *testing.T) {
			p := openPolicy()
			var asked []bool
			p.Join = func(_ context.Context, r *hub.JoinRequest) error {
				if r.Room != "a" {
					return nil
				}
				asked = append(asked, r.Renewal)
				r.Expires = time.Now().Add(10 * time.Second)
				if len(asked) == 3 {
					return hub.Refuse("closed", "the shop has closed")
				}
				return nil
			}
			h := newRoomHub()
			r := openRoom(t, newRooms(t, h, p), way, "/rt")
			r.greet(roomHello)
			r.send(`["join",1,"a"]`)
			r.want(`["joined",1,"a",{"ttl":10000}]`)
			r.send(`["join",2,"b"]`)
			r.want(`["joined",2,"b",{}]`)
			time.Sleep(15 * time.Second)
			if _, err := h.Publish(t.Context(), "a", hub.Message{Data: []byte("1")}); err != nil {
				t.Fatal(err)
			}
			r.want(`["m","a",1,1]`, `["left","a","closed","the shop has closed"]`)
			for _, room := range []string{"a", "b"} {
				if _, err := h.Publish(t.Context(), room, hub.Message{Data: []byte("2")}); err != nil {
					t.Fatal(err)
				}
			}
			r.want(`["m","b",1,2]`)
			r.send(`["leave",3,"a"]`)
			r.want(`["error",3,"not_joined","*"]`)
			if len(asked) != 3 || asked[0] || !asked[1] || !asked[2] {
				t.Errorf("%s: Join was asked %v, want once and two renewals", way, asked)
			}
			r.cut()
		})
	}
}

// What a policy says is told, unless it is the server's fault: then it is logged, and the
// client goes on.
func TestRooms_policyErrors(t *testing.T) {
	errs := map[string]error{
		"refused":  hub.Refuse("no_credit", "you have no credit"),
		"no code":  hub.Refuse("", "just no"),
		"wrapped":  fmt.Errorf("the bank: %w", hub.Refuse("no_credit", "you have no credit")),
		"401":      geist.NewError(401, "who?"),
		"403":      geist.NewError(403, "no"),
		"404":      geist.NewError(404, "no"),
		"409":      geist.NewError(409, "taken"),
		"429":      geist.NewError(429, "slowly"),
		"500":      geist.NewError(500, "secret"),
		"503":      geist.NewError(503, "secret"),
		"plain":    errors.New("secret"),
		"rooms":    hub.ErrTooManyRooms,
		"backbone": fmt.Errorf("secret: %w", hub.ErrBackplane),
	}
	want := map[string]string{
		"refused": `"no_credit","you have no credit"`, "wrapped": `"no_credit","you have no credit"`, "no code": `"denied","just no"`,
		"401": `"unauthorized","who?"`, "403": `"denied","no"`, "404": `"denied","no"`, "409": `"denied","taken"`, "429": `"rate","slowly"`,
		"500": `"internal","the server has failed"`, "503": `"unavailable","try later",{"retry":"*"}`, "plain": `"internal","the server has failed"`,
		"rooms": `"too_many_rooms","*"`, "backbone": `"unavailable","*",{"retry":"*"}`, "panic": `"internal","the server has failed"`, "nil error": `"internal","the server has failed"`,
	}
	fail := func(name string) error {
		switch name {
		case "panic":
			panic("secret")
		case "nil error":
			var e *geist.Error
			return e
		}
		return errs[name]
	}
	var log lockedBuffer
	app := geist.New(geist.Config{Logger: logTo(&log)})
	p := hub.Policy{
		Join:    func(_ context.Context, r *hub.JoinRequest) error { return fail(r.Room) },
		Publish: func(_ context.Context, r *hub.PublishRequest) error { return fail(r.Room) },
		Call:    func(_ context.Context, r *hub.CallRequest) ([]byte, error) { return nil, fail(r.Name) },
		Rate:    1000, Burst: 1000,
	}
	app.Rooms("/rt", newRoomHub(), func(*geist.Ctx) (hub.Policy, error) { return p, nil })
	c := geisttest.New(t, app)
	for _, way := range roomWays {
		r := openRoom(t, c, way, "/rt")
		r.greet(roomHello)
		ref := 0
		for name, told := range want {
			for _, frame := range []string{`["join",%d,%q]`, `["pub",%d,%q,1]`, `["call",%d,%q]`} {
				ref++
				r.send(fmt.Sprintf(frame, ref, name))
				if got, want := r.next(), fmt.Sprintf(`["error",%d,%s]`, ref, told); !alike(parseFrame(t, want), any(got), map[string]any{}) {
					t.Errorf("%s: %s: got %v, want %s", way, name, got, want)
				}
			}
		}
		r.cut()
	}
	if text := log.String(); !strings.Contains(text, "route=/rt") || !strings.Contains(text, "secret") || !strings.Contains(text, "stack=") {
		t.Errorf("the log is %q, want the route, the error and the stack of the panic", text)
	}
}

// lockedBuffer may be written to by many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What a policy changes in a request counts.
func TestRooms_policyChanges(t *testing.T) {
	p := openPolicy()
	p.Join = func(_ context.Context, r *hub.JoinRequest) error {
		r.Last = min(r.Last, 1)
		if r.Shown != nil {
			r.Shown = json.RawMessage(`{"checked":` + string(r.Shown) + `}`)
		}
		r.Observe = r.Observe && r.Room != "p:blind"
		return nil
	}
	p.Publish = func(_ context.Context, r *hub.PublishRequest) error {
		r.Message = hub.Message{Event: "said", Data: []byte(`"` + r.Message.ID + ` ` + string(r.Message.Data) + `"`), ID: "forged"}
		r.NoEcho = false
		return nil
	}
	for _, way := range roomWays {
		h := newRoomHub()
		r := openRoom(t, newRooms(t, h, p), way, "/rt")
		id := r.greet(roomHello)
		for range 3 {
			if _, err := h.Publish(t.Context(), "p:blind", hub.Message{Data: []byte("0")}); err != nil {
				t.Fatal(err)
			}
		}
		r.send(`["join",1,"p:blind",{"last":3,"presence":true,"show":1}]`)
		r.want(`["joined",1,"p:blind",{"offset":2,"head":3}]`, `["m","p:blind",3,0]`)
		r.send(`["pub",2,"p:blind",7,{"echo":false}]`)
		r.until(`["m","p:blind",4,"sh1C3y00Y3.2 7","sh1C3y00Y3.2","said"]`)
		r.send(`["show",3,"p:blind",2]`)
		r.until(`["ok",3]`)
		members, err := h.Presence(t.Context(), "p:blind")
		if err != nil || len(members) != 1 || string(members[0].Shown) != `{"checked":2}` || members[0].Conn.String() != id {
			t.Errorf("%s: Presence: %+v, %v", way, members, err)
		}
		r.cut()
	}
}

// Functions of a policy are called one at a time, and not any more when Serve has returned,
// though commands come by many POSTs, time passes and rights are withdrawn.
func TestRooms_policyIsSerial(t *testing.T) {
	for _, way := range roomWays {
		h := newRoomHub()
		var inside, calls atomic.Int32
		var served atomic.Bool
		app := geist.New(geist.Config{Logger: discard()})
		enter := func() {
			if inside.Add(1) != 1 || served.Load() {
				t.Errorf("%s: %d calls at a time; Serve has returned: %v", way, inside.Load(), served.Load())
			}
			calls.Add(1)
		}
		p := hub.Policy{
			User: "ada", Rate: 1e6, Burst: 1e6,
			Join:    func(context.Context, *hub.JoinRequest) error { enter(); defer inside.Add(-1); return nil },
			Publish: func(context.Context, *hub.PublishRequest) error { enter(); defer inside.Add(-1); return nil },
		}
		app.Rooms("/rt", h, func(c *geist.Ctx) (hub.Policy, error) {
			c.OnClose(func() { served.Store(true) })
			return p, nil
		})
		c := geisttest.New(t, app)
		r := openRoom(t, c, way, "/rt")
		r.greet(roomHello)
		r.send(`["join",1,"a"]`)
		r.until(`["joined",1,"a",{}]`)
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range 50 {
					if err := h.Recheck(context.Background(), "ada"); err != nil {
						t.Error(err)
					}
					if r.key != "" {
						_, _ = c.POST("/rt").Header("Geist-Stream", r.key).Header("Content-Type", "application/json").BodyString(`[["pub",2,"b",1,{"since":["",0]}]]`).DoErr()
					}
				}
			})
		}
		for range 50 {
			r.send(`["pub",2,"b",1,{"since":["",0]}]`)
		}
		r.cut()
		clients.Wait()
		if calls.Load() == 0 {
			t.Errorf("%s: the policy was never asked", way)
		}
	}
}

// A client that does not read is thrown out, and resumes.
func TestRooms_lagging(t *testing.T) {
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{MaxLagBytes: 64 << 10}})
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	addr := serveWS(t, app)
	ws := openWS(t, addr, "/rt", "Sec-WebSocket-Protocol: geist.v1")
	ws.text(`["hello"]`)
	ws.text(`["join",1,"a"]`)
	for !strings.HasPrefix(ws.next(), `text ["joined",`) {
		continue
	}
	data := []byte(`"` + strings.Repeat("x", 32<<10) + `"`)
	for h.Stats().Disconnected == 0 {
		if _, err := h.Publish(t.Context(), "a", hub.Message{Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		got := ws.next()
		if strings.HasPrefix(got, `text ["m",`) {
			continue
		}
		if got != `text ["bye","lagging"]` {
			t.Errorf("got %.80s, want bye", got)
		}
		break
	}
	ws.want("close 1013 too slow")
	ws.sendClose(1013, "")
}
