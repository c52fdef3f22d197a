package geist_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/hub"
)

// bystander joins a room of its own, in which nothing must disturb it.
type bystander struct {
	*roomClient
	hub *hub.Hub
}

func newBystander(t *testing.T, h *hub.Hub, r *roomClient) *bystander {
	t.Helper()
	r.greet(`["hello",{"session":"the-session-of-a-bystander"}]`)
	r.send(`["join",1,"calm"]`)
	r.want(`["joined",1,"calm",{}]`)
	return &bystander{r, h}
}

// undisturbed checks that nothing but a message has come.
func (b *bystander) undisturbed(t *testing.T) {
	t.Helper()
	if _, err := b.hub.Publish(t.Context(), "calm", hub.Message{Data: []byte(`"quiet"`)}); err != nil {
		t.Fatal(err)
	}
	b.want(`["m","calm","*","quiet"]`)
}

// roomMistake is what a client does wrong, and what it is told.
type roomMistake struct {
	name    string
	unmet   bool // it has not said hello
	send    []string
	want    []string
	bye     string // "" if the connection goes on
	code    int
	framing bool // it can only be sent as a message of its own: not for streams
}

var longName = strings.Repeat("r", 257)

func roomMistakes() []roomMistake {
	repeat := func(n int, frame string) (all []string) {
		for range n {
			all = append(all, frame)
		}
		return all
	}
	one := func(name, frame, want string) roomMistake {
		return roomMistake{name: name, send: []string{frame}, want: []string{want}}
	}
	return []roomMistake{
		one("no array", `{"a":1}`, `["error",0,"bad_frame","*"]`),
		one("no name", `[1]`, `["error",0,"bad_frame","*"]`),
		one("no ref", `["join"]`, `["error",0,"bad_frame","*"]`),
		one("a wrong type", `["join",1,7]`, `["error",1,"bad_frame","*"]`),
		{name: "data that is deep", send: []string{`["pub",1,"a",` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `]`}, want: []string{`["error","*","bad_frame","*"]`}, framing: true},
		one("unknown", `["dance",1]`, `["error",1,"unknown_command","*"]`),
		one("a second hello", `["hello"]`, `["error",0,"hello_again","*"]`),
		one("data too large", `["pub",1,"a","`+strings.Repeat("x", 64<<10)+`"]`, `["error",1,"too_large","*"]`),
		one("data of a call too large", `["call",1,"a","`+strings.Repeat("x", 64<<10)+`"]`, `["error",1,"too_large","*"]`),
		one("an empty room", `["join",1,""]`, `["error",1,"bad_room","*"]`),
		one("a long room", `["join",1,"`+longName+`"]`, `["error",1,"bad_room","*"]`),
		one("a room of the hub's own", `["join",1,"\u0000x"]`, `["error",1,"bad_room","*"]`),
		one("pub to a long room", `["pub",1,"`+longName+`",1]`, `["error",1,"bad_room","*"]`),
		one("a long event", `["pub",1,"a",1,{"event":"`+longName+`"}]`, `["error",1,"bad_event","*"]`),
		one("an event with a line end", `["pub",1,"a",1,{"event":"a\nb"}]`, `["error",1,"bad_event","*"]`),
		one("a position that is none", `["join",1,"a",{"since":["x"]}]`, `["error",1,"bad_position","*"]`),
		{name: "a forged position", send: []string{`["join",1,"a",{"since":["zzzzzzzzzzzzzzzzzzzzzzzz",9007199254740991]}]`}, want: []string{`["joined",1,"a",{"recovered":false}]`, `["gap","a",{}]`}},
		{name: "a position that is no epoch", send: []string{`["join",1,"a",{"since":["!-!",1]}]`}, want: []string{`["joined",1,"a",{"recovered":false}]`, `["gap","a",{}]`}},
		one("a repetition of long ago", `["pub",1,"a",1,{"since":["!",1]}]`, `["error",1,"unknown_outcome","*"]`),
		one("a repetition that no history tells", `["pub",1,"a",1,{"since":["",0],"log":false}]`, `["error",1,"unknown_outcome","*"]`),
		one("not joined", `["leave",1,"a"]`, `["error",1,"not_joined","*"]`),
		one("shown where not joined", `["show",1,"p:a",1]`, `["error",1,"not_joined","*"]`),
		{name: "joined twice", send: []string{`["join",1,"a"]`, `["join",2,"a"]`}, want: []string{`["joined",1,"a",{}]`, `["error",2,"already_joined","*"]`}},
		{name: "published twice", send: []string{`["pub",2,"a",1]`, `["pub",1,"a",1]`}, want: []string{`["ok",2,{}]`, `["error",1,"duplicate","*"]`}},
		one("no presence", `["join",1,"a",{"presence":true}]`, `["error",1,"no_presence","*"]`),
		one("shown without presence", `["join",1,"a",{"show":1}]`, `["error",1,"no_presence","*"]`),
		one("shown too long", `["join",1,"p:a",{"show":"`+strings.Repeat("x", 512)+`"}]`, `["error",1,"bad_show","*"]`),
		one("auth without tokens", `["auth",1,"t"]`, `["error",1,"not_supported","*"]`),
		one("a call that nobody answers", `["call",1,"f"]`, `["error",1,"not_supported","*"]`),
		{name: "an answer to nothing", send: []string{`["answer",7,1]`, `["ping",1]`}, want: []string{`["ok",1]`}},
		{name: "too many rooms", send: []string{`["join",1,"a"]`, `["join",2,"b"]`, `["join",3,"c"]`, `["join",4,"d"]`}, want: []string{`["joined",1,"a",{}]`, `["joined",2,"b",{}]`, `["joined",3,"c",{}]`, `["error",4,"too_many_rooms","*"]`}},
		{name: "a command before hello", unmet: true, send: []string{`["join",1,"a"]`}, want: []string{`["error",1,"hello_first","*"]`}},
		{name: "a bad session", unmet: true, send: []string{`["hello",{"session":"short"}]`, `["hello"]`}, want: []string{`["error",0,"bad_session","*"]`, `["welcome",{}]`}},
		{name: "ten mistakes", send: repeat(10, `[]`), want: repeat(10, `["error",0,"bad_frame","*"]`), bye: `["bye","bad_frame"]`, code: 4400},
		{name: "ten mistakes before hello", unmet: true, send: repeat(10, `[]`), want: repeat(10, `["error",0,"bad_frame","*"]`), bye: `["bye","bad_frame"]`, code: 4400},
		{name: "nine mistakes and rubbish behind", send: append(repeat(9, `x`), `["ping",1]`), want: append(repeat(9, `["error",0,"bad_frame","*"]`), `["ok",1]`), framing: true},
		{name: "a message too long", send: []string{`["pub",1,"a","` + strings.Repeat("x", 128<<10) + `"]`}, bye: "none", code: 1009, framing: true},
	}
}

// What a client does wrong is told to it, and to nobody else.
func TestRooms_mistakes(t *testing.T) {
	for _, way := range roomWays {
		h := hub.New(hub.Config{MaxRoomsPerConn: 3, Room: newPresenceRooms})
		p := openPolicy()
		p.Call = nil
		c := newRooms(t, h, p)
		calm := newBystander(t, h, openRoom(t, c, way, "/rt"))
		for _, m := range roomMistakes() {
			if m.framing && way == "events" {
				continue
			}
			t.Run(way+"/"+m.name, func(t *testing.T) {
				r := openRoom(t, c.With(t), way, "/rt")
				if !m.unmet {
					r.greet(`["hello"]`)
				}
				for _, frame := range m.send {
					r.send(frame)
				}
				r.want(m.want...)
				if m.bye == "" {
					r.send(`["ping",99]`)
					r.until(`["*",99,"*","*"]`)
					r.cut()
					return
				}
				if m.bye != "none" {
					r.want(m.bye)
				}
				r.ended(m.code)
			})
			calm.undisturbed(t)
		}
	}
}

// A message of the wrong type, and half frames of the compact encoding.
func TestRooms_mistakesOfFraming(t *testing.T) {
	c := newRooms(t, newRoomHub(), openPolicy())
	text, binary := openRoom(t, c, "text", "/rt"), openRoom(t, c, "binary", "/rt")
	text.greet(roomHello)
	text.ws.SendBinary([]byte(`["ping",1]`))
	text.want(`["error",0,"bad_frame","*"]`)
	binary.greet(`["hello"]`)
	binary.ws.Send(`["ping",1]`)
	binary.want(`["error",0,"bad_frame","*"]`)
	for _, half := range []string{"", "\x00", "\x01", "\x07abc"} {
		binary.ws.SendBinary([]byte(half))
		binary.want(`["error",0,"bad_frame","*"]`)
	}
	for _, half := range []string{"\x01\x02", "\x01\x02\x05a", "\x01\x02\x01a\x08\x00{}"} {
		binary.ws.SendBinary([]byte(half))
		binary.want(`["error",2,"bad_frame","*"]`)
	}
	binary.send(`["ping",9]`)
	binary.want(`["ok",9]`)
}

// Who is too fast is told when to go on, and who goes on regardless is thrown out.
func TestRooms_flood(t *testing.T) {
	for _, way := range roomWays {
		synctest.Test(t, func(t *testing.T) {
			p := openPolicy()
			p.Rate, p.Burst = 10, 5
			h := newRoomHub()
			c := newRooms(t, h, p)
			calm := newBystander(t, h, openRoom(t, c, way, "/rt"))
			r := openRoom(t, c, way, "/rt")
			r.greet(roomHello)
			for range 4 {
				r.send(`["ping",1]`)
				r.want(`["ok",1]`)
			}
			r.send(`["ping",2]`)
			r.want(`["error",2,"rate","*",{"retry":200}]`)
			time.Sleep(200 * time.Millisecond)
			r.send(`["ping",2]`)
			r.want(`["ok",2]`)
			for range 4 {
				r.send(`["ping",3]`)
				r.want(`["error",3,"rate","*","*"]`)
			}
			r.send(`["ping",3]`)
			r.want(`["error",3,"rate","*","*"]`, `["bye","rate",{"retry":"*"}]`)
			r.ended(4429)
			calm.undisturbed(t)
			calm.cut()
		})
	}
}

// Whoever says no hello in time is asked to leave.
func TestRooms_noHello(t *testing.T) {
	for _, way := range roomWays {
		synctest.Test(t, func(t *testing.T) {
			r := openRoom(t, newRooms(t, newRoomHub(), openPolicy()), way, "/rt")
			began := time.Now()
			time.Sleep(9 * time.Second)
			r.send(`["ping",1]`)
			r.want(`["error",1,"hello_first","*"]`, `["error",0,"hello_first","*"]`, `["bye","hello_first"]`)
			if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
				t.Errorf("%s: bye came after %s, want 10 s", way, took)
			}
			r.ended(4408)
		})
	}
}

// A question's number is no command's: an answer that comes too late, or is too long, settles
// nothing else that has the number.
func TestRooms_answerThatIsNone(t *testing.T) {
	for _, way := range roomWays {
		p := openPolicy()
		p.Rate, p.Burst, p.MaxData = 0.001, 4, 8
		h := newRoomHub()
		r := openRoom(t, newRooms(t, h, p), way, "/rt")
		id, err := hub.ParseConnID(r.greet(`["hello"]`))
		if err != nil {
			t.Fatal(err)
		}
		answer := make(chan string, 1)
		go func() { // ends with the answer
			m, err := h.Request(t.Context(), id, hub.Message{Data: []byte("1")})
			answer <- fmt.Sprint(string(m.Data), err)
		}()
		r.want(`["ask",1,1]`)
		r.send(`["answer",1,"longer than 8"]`)
		r.want(`["error",0,"too_large","*"]`)
		r.send(`["answer",1,2]`)
		if got := <-answer; got != "2<nil>" {
			t.Errorf("%s: got %s, want 2", way, got)
		}
		for range 2 {
			r.send(`["answer",1,3]`) // nobody waits any more
		}
		r.send(`["answer",1,3]`)
		r.want(`["error",0,"rate","*","*"]`)
		r.cut()
	}
}

// A POST of many small frames costs little more than its body.
func TestRooms_postOfManyFrames(t *testing.T) {
	const size = 1 << 20
	r := openRoom(t, newRooms(t, newRoomHub(), openPolicy()), "events", "/rt")
	r.greet(roomHello)
	body := "[" + strings.Repeat("1,", size/2) + "1]"
	before := totalAlloc()
	r.post(body).Status(202)
	if used := totalAlloc() - before; used > 12*size {
		t.Errorf("a body of %d bytes has allocated %d", size, used)
	}
	for range 10 {
		r.want(`["error",0,"bad_frame","*"]`)
	}
	r.want(`["bye","bad_frame"]`)
}
