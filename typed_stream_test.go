package geist_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

type utterance struct {
	Text  string `json:"text" binding:"required"`
	Times int    `json:"times" default:"1"`
}

type heard struct {
	Text string `json:"text,omitempty"`
	Err  string `json:"error,omitempty"`
}

func TestChannel_messages(t *testing.T) {
	app := geist.New()
	geist.WS(app, "/echo", func(_ *geist.Ctx, ch *geist.Channel[utterance, heard]) error {
		for m, err := range ch.All() {
			answer := heard{Text: strings.Repeat(m.Text, m.Times)}
			if err != nil {
				answer = heard{Err: err.Error()}
			}
			if err := ch.Write(answer); err != nil {
				return err
			}
		}
		return nil
	})
	ws := geisttest.New(t, app).WS("/echo")
	for _, x := range []struct{ send, want string }{
		{`{"text":"a"}`, `{"text":"a"}`},
		{`{"text":"ab","times":2}`, `{"text":"abab"}`},
		{`{"times":2}`, `{"error":"422 Unprocessable Entity: one field is invalid: #/text is required"}`},
		{`{"text":1,"times":"x"}`, `{"error":"422 Unprocessable Entity: 2 fields are invalid: #/text must be a string; #/times must be a whole number in range"}`},
		{`{"text":"a","text":"b"}`, `{"error":"400 Bad Request: a key occurs twice in one object of the body"}`},
		{`{"text":`, `{"error":"400 Bad Request: the body ends within a JSON value"}`},
		{``, `{"error":"400 Bad Request: the body ends within a JSON value"}`},
		{`null`, `{"error":"422 Unprocessable Entity: 2 fields are invalid: # must be an object; #/text is required"}`},
		{`{"text":"still here"}`, `{"text":"still here"}`},
	} {
		ws.Send(x.send)
		if got := string(ws.Next().Data); got != x.want {
			t.Errorf("%s: got %s, want %s", x.send, got, x.want)
		}
	}
	ws.Close(1000, "")
}

func TestChannel_ends(t *testing.T) {
	type end struct{ all, last string }
	ends := make(chan end, 1)
	app := geist.New(geist.Config{Logger: discard()})
	geist.WS(app, "/read", func(_ *geist.Ctx, ch *geist.Channel[utterance, geist.None]) error {
		_, err := ch.Read()
		return err
	})
	geist.WS(app, "/all", func(_ *geist.Ctx, ch *geist.Channel[[]int, []int]) error {
		e := end{}
		for numbers, err := range ch.All() {
			e.all += fmt.Sprint(numbers, err != nil)
			if err != nil {
				e.last = err.Error()
				break
			}
		}
		ends <- e
		return nil
	})
	c := geisttest.New(t, app)

	ws := c.WS("/read")
	ws.Send(`{"text":7}`)
	if got, want := ws.Closed(geist.ClosePolicy), "one field is invalid"; got != want {
		t.Errorf("the reason: got %q, want %q", got, want)
	}
	ws = c.WS("/read")
	ws.SendBinary([]byte(`{"text":"a"}`))
	if got, want := ws.Closed(geist.ClosePolicy), "messages are text, not binary"; got != want {
		t.Errorf("the reason: got %q, want %q", got, want)
	}

	ws = c.WS("/all")
	ws.Send(`[1,2]`).Close(1000, "")
	if got, want := <-ends, (end{"[1 2] false", ""}); got != want {
		t.Errorf("after 1000: got %+v, want %+v", got, want)
	}
	ws = c.WS("/all")
	ws.Send(`[3]`).Close(4000, "tired")
	if got := <-ends; got.all != "[3] false[] true" || !strings.Contains(got.last, "4000") {
		t.Errorf("after 4000: got %+v, want the message and an error", got)
	}
}

// TestChannel_hub: a Channel is a subscriber like its Conn.
func TestChannel_hub(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New()
	geist.WS(app, "/room", func(c *geist.Ctx, ch *geist.Channel[utterance, heard]) error {
		if _, err := h.Join(ch, "room"); err != nil {
			return err
		}
		for m, err := range ch.All() {
			if err != nil {
				return err
			}
			if _, err := h.Publish(c.Context(), "room", hub.Message{Data: []byte(`{"text":"` + m.Text + `"}`)}, hub.Except(ch.ID())); err != nil {
				return err
			}
		}
		return nil
	})
	c := geisttest.New(t, app)
	ada, bob := c.WS("/room"), c.WS("/room")
	ada.Ping("")
	bob.Ping("")
	ada.Send(`{"text":"hello"}`)
	if got, want := string(bob.Next().Data), `{"text":"hello"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ada.Close(1000, "")
	bob.Close(1000, "")
}

// lengthRule is a Validator whose only rule is that texts have at most three bytes.
type lengthRule struct{}

func (lengthRule) Check(t reflect.Type) (bool, []string) {
	return t == reflect.TypeFor[utterance](), nil
}

func (lengthRule) Validate(_ *geist.Ctx, v any) []geist.Violation {
	if len(v.(*utterance).Text) > 3 {
		return []geist.Violation{{Path: []string{"Text"}, Detail: "must have at most 3 bytes"}}
	}
	return nil
}

func TestChannel_validator(t *testing.T) {
	app := geist.New(geist.Config{Validator: lengthRule{}})
	geist.WS(app, "/", func(_ *geist.Ctx, ch *geist.Channel[utterance, geist.FieldErrors]) error {
		for _, err := range ch.All() {
			var fields geist.FieldErrors
			if err != nil && !errors.As(err, &fields) {
				return err
			}
			if err := ch.Write(fields); err != nil {
				return err
			}
		}
		return nil
	})
	ws := geisttest.New(t, app).WS("/")
	for _, x := range []struct{ send, want string }{
		{`{"text":"abc"}`, `null`},
		{`{"text":"abcd"}`, `[{"pointer":"#/text","detail":"must have at most 3 bytes"}]`},
	} {
		if got := string(ws.Send(x.send).Next().Data); got != x.want {
			t.Errorf("%s: got %s, want %s", x.send, got, x.want)
		}
	}
	ws.Close(1000, "")
}

func TestEvents_typed(t *testing.T) {
	count := geist.Emits[int]("count")
	app := geist.New()
	geist.SSE(app, "/events", func(_ *geist.Ctx, s *geist.Events[heard]) error {
		return s.Run(func() error {
			if err := s.Write(heard{Text: "a"}); err != nil {
				return err
			}
			return count.Send(s.Stream, 7)
		})
	}, count)
	events := geisttest.New(t, app).SSE("/events")
	for _, want := range []string{`message {"text":"a"}`, `count 7`} {
		e := events.Next()
		if got := e.Name + " " + e.Data; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	events.End()
}
