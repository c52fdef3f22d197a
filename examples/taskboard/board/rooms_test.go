package board

import (
	"bufio"
	"context"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// talker is a client of /rt that speaks the protocol over a stream of events, as far as
// these tests need it.
type talker struct {
	s     *service
	lines *bufio.Scanner
	key   string
}

// talk opens a connection by somebody's key and says hello.
func (s *service) talk(name, hello string) *talker {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	s.tb.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+"/rt", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+keyOf(name))
	res, err := s.http.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = res.Body.Close() })
	t := &talker{s: s, lines: bufio.NewScanner(res.Body)}
	t.key = t.want(`\["stream","([^"]+)"\]`)[1]
	t.send(`["hello",` + hello + `]`)
	return t
}

// enter is talk for somebody in the rooms.
func (s *service) enter(name string, rooms ...string) *talker {
	s.tb.Helper()
	t := s.talk(name, `{}`)
	t.want(`\["welcome",.*"user":"` + name + `".*\]`)
	for i, room := range rooms {
		t.send(`["join",` + string(rune('1'+i)) + `,"` + room + `"]`)
		t.want(`\["joined",.*"` + room + `".*\]`)
	}
	return t
}

// send sends commands.
func (t *talker) send(frames ...string) {
	t.s.tb.Helper()
	t.s.want(202, "POST", "/rt", "["+strings.Join(frames, ",")+"]", "Geist-Stream", t.key)
}

// want returns the parts of the next frame that a pattern names; another frame fails the test.
func (t *talker) want(pattern string) []string {
	t.s.tb.Helper()
	for t.lines.Scan() {
		frame, ok := strings.CutPrefix(t.lines.Text(), "data: ")
		if !ok {
			continue
		}
		parts := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(frame)
		if parts == nil {
			t.s.tb.Fatalf("frame %s, want %s", frame, pattern)
		}
		return parts
	}
	t.s.tb.Fatalf("the stream ends, want %s", pattern)
	return nil
}

// What one says all hear, once and in one order, with the name and the time from the server.
func TestRooms_chat(t *testing.T) {
	s := newService(t)
	ada, grace := s.enter("Ada", "chat"), s.enter("Grace", "chat")
	ada.send(`["pub",5,"chat",{"text":" Hello,\n\"Grace\" ","name":"Grace","at":1},{"log":false,"echo":false}]`)
	for _, who := range []*talker{ada, grace} {
		who.want(`\["m","chat",2,{"name":"Ada","text":"Hello,\\n\\"Grace\\"","at":\d{13}},"[^"]+\.5","chat\.said"\]`)
	}
	late := s.enter("Linus")
	late.send(`["join",1,"chat",{"last":50}]`)
	late.want(`\["joined",1,"chat",.*\]`)
	late.want(`\["m","chat",2,{"name":"Ada",.*\]`)
}

// A change that is made by the API is heard in the room of the board.
func TestRooms_board(t *testing.T) {
	s := newService(t)
	ada := s.enter("Ada", "board")
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	ada.want(`\["m","board",\d+,{"event":"task\.changed","task":{"id":1,"title":"a",.*}},"","task\.changed"\]`)
}

func TestRooms_refuse(t *testing.T) {
	long := strings.Repeat("ä", maxText+1)
	for _, test := range []struct{ name, command, want string }{
		{"another room", `["join",7,"attic"]`, `"denied","there is no such room"`},
		{"writing on the board", `["pub",7,"board",{"event":"task.deleted","id":1}]`, `"denied","only the server writes here"`},
		{"nothing", `["pub",7,"chat",{"text":" \n "}]`, `"bad_message","a message has 1 to 2000 characters"`},
		{"too much", `["pub",7,"chat",{"text":"` + long + `"}]`, `"bad_message","a message has 1 to 2000 characters"`},
		{"control characters", `["pub",7,"chat",{"text":"\u001b[2J"}]`, `"bad_message","a message has no control characters"`},
		{"no text", `["pub",7,"chat","hello"]`, `"bad_message","a message is an object with a text"`},
		{"bytes", `["pub",7,"chat","e30=",{"as":"base64"}]`, `"bad_message","a message is an object with a text"`},
		{"showing nonsense", `["show",7,"board",{"editing":"x"}]`, `"bad_show",.*`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			ada := s.enter("Ada", "board", "chat")
			ada.send(test.command)
			ada.want(`\["error",7,` + test.want + `\]`)
			ada.send(`["pub",8,"chat",{"text":"still here"}]`)
			ada.want(`\["m","chat",2,{"name":"Ada","text":"still here".*\]`)
		})
	}
}

// Viewers listen; they write neither by the API nor in the chat.
func TestRooms_viewer(t *testing.T) {
	s := newService(t)
	vera, ada := s.enter("Vera", "board", "chat"), s.enter("Ada", "chat")
	vera.send(`["pub",5,"chat",{"text":"boo"}]`)
	vera.want(`\["error",5,"denied","your role does not allow that"\]`)
	ada.send(`["pub",5,"chat",{"text":"hello"}]`)
	vera.want(`\["m","chat",2,{"name":"Ada","text":"hello".*\]`)
}

func TestRooms_nobody(t *testing.T) {
	s := newService(t)
	s.want(401, "GET", "/rt", "", "Accept", "text/event-stream", "Authorization", "")
}

// Another site's page cannot speak for its visitor: browsers ask nobody before they open a
// WebSocket.
func TestRooms_anotherSite(t *testing.T) {
	s := newService(t)
	a := s.do("GET", "/rt", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-Websocket-Version", "13",
		"Sec-Websocket-Protocol", "geist.v1", "Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Origin", "https://evil.example")
	if a.status != 403 {
		t.Errorf("status %d, want 403: %s", a.status, a.body)
	}
}

// Others see who is there, and of what somebody shows what the page knows.
func TestRooms_presence(t *testing.T) {
	s := newService(t)
	ada := s.enter("Ada")
	ada.send(`["join",1,"board",{"presence":true}]`)
	ada.want(`\["joined",1,"board",.*\]`)
	ada.want(`\["presence","board",{"reset":true,"count":1,"joined":\[{"conn":"[^"]+","user":"Ada"}\]}\]`)
	grace := s.enter("Grace")
	grace.send(`["join",1,"board",{"show":{"editing":7,"more":"x"}}]`)
	ada.want(`\["presence","board",{"count":2,"joined":\[{"conn":"[^"]+","user":"Grace","shown":{"editing":7}}\]}\]`)
	grace.want(`\["joined",1,"board",.*\]`)
	grace.send(`["show",2,"board",{"typing":true,"editing":0}]`)
	ada.want(`\["presence","board",{"count":2,"updated":\[{"conn":"[^"]+","user":"Grace","shown":{"typing":true}}\]}\]`)
}

// A page that was there before anybody spoke finds the same chat after a restart.
func TestRooms_restartOfAnEmptyRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	s, stop := startService(t, path)
	ada := s.enter("Ada")
	ada.send(`["join",1,"chat"]`)
	epoch := ada.want(`\["joined",1,"chat",{"epoch":"([^"]+)","offset":1,.*\]`)[1]
	stop()
	s, _ = startService(t, path)
	ada = s.enter("Ada")
	ada.send(`["join",1,"chat",{"since":["` + epoch + `",1]}]`)
	ada.want(`\["joined",1,"chat",{"epoch":"` + epoch + `",.*"recovered":true,"ttl":\d+}\]`)
}

// Who does not know whether a message has arrived, because the server went down, sends it
// again to the next one: it is there once, where it was.
func TestRooms_restart(t *testing.T) {
	const hello = `{"session":"0123456789abcdefghij"}`
	path := filepath.Join(t.TempDir(), "tasks.db")
	s, stop := startService(t, path)
	ada := s.talk("Ada", hello)
	ada.want(`\["welcome",.*\]`)
	ada.send(`["join",1,"chat"]`)
	at := ada.want(`\["joined",1,"chat",{"epoch":("[^"]+","offset":1),"head":1,.*\]`)[1]
	since := strings.Replace(at, `"offset":`, "", 1)
	ada.send(`["pub",2,"chat",{"text":"one"}]`, `["pub",3,"chat",{"text":"two"}]`)
	stop()

	s, _ = startService(t, path)
	ada = s.talk("Ada", hello)
	ada.want(`\["welcome",.*\]`)
	ada.send(`["join",4,"chat",{"since":[` + since + `]}]`)
	ada.want(`\["joined",4,"chat",{"epoch":` + at + `,"head":4,"recovered":true,"ttl":\d+}\]`)
	ada.want(`\["m","chat",2,{"name":"Ada","text":"one",.*\]`)
	ada.want(`\["m","chat",3,{"name":"Ada","text":"two",.*\]`)
	ada.send(`["pub",3,"chat",{"text":"two"},{"since":[` + since + `]}]`)
	ada.want(`\["ok",3,{"epoch":"[^"]+","offset":3}\]`)
	ada.send(`["pub",5,"chat",{"text":"three"}]`)
	ada.want(`\["m","chat",5,{"name":"Ada","text":"three",.*\]`)
}
