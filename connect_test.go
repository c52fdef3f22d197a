package geist_test

import (
	"errors"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// TestEngine_OnDisconnect: it is called once for each stream that OnConnect has let in.
func TestEngine_OnDisconnect(t *testing.T) {
	type end struct {
		id  hub.ConnID
		err error
	}
	ends := make(chan end, 10)
	h := hub.New(hub.Config{})
	failed := errors.New("failed")
	app := geist.New(geist.Config{Logger: discard()})
	app.OnConnect(func(c *geist.Ctx) error {
		if c.Query("in") == "no" {
			return geist.NewError(403, "stay out")
		}
		return nil
	})
	app.OnDisconnect(func(id hub.ConnID, err error) { ends <- end{id, err} })
	app.OnDisconnect(func(hub.ConnID, error) { panic("a hook") })
	ids := make(chan hub.ConnID, 10)
	for path, answer := range map[string]func(s *geist.Stream) error{
		"/ends":   func(s *geist.Stream) error { return s.Run(func() error { return nil }) },
		"/fails":  func(s *geist.Stream) error { return s.Run(func() error { return failed }) },
		"/panics": func(s *geist.Stream) error { return s.Run(func() error { panic("oh no") }) },
		"/waits":  func(s *geist.Stream) error { return s.Run(func() error { <-s.Context().Done(); return nil }) },
		"/feed":   func(s *geist.Stream) error { return s.Follow(h, "a") },
		"/late":   func(s *geist.Stream) error { return errors.Join(s.Follow(h, "a"), geist.NewError(409, "late")) },
		"/never":  func(s *geist.Stream) error { return geist.NewError(404, "never") },
	} {
		app.SSE(path, func(_ *geist.Ctx, s *geist.Stream) error {
			ids <- s.ID()
			return answer(s)
		})
	}
	c := geisttest.New(t, app)
	for _, path := range []string{"/ends", "/fails", "/panics", "/waits", "/feed", "/late", "/never"} {
		if path != "/never" && path != "/late" {
			c.GET(path + "?in=no").Do().Status(403)
			receive(t, ids, "an id")
		}
		if path == "/late" || path == "/never" {
			c.GET(path).Do()
		} else {
			c.SSE(path).Close()
		}
		id := receive(t, ids, "an id")
		if path == "/never" {
			break
		}
		got := receive(t, ends, path)
		if got.id != id {
			t.Errorf("%s: id %s, want %s", path, got.id, id)
		}
		ok := got.err != nil
		switch path {
		case "/ends": // unless the client was quicker
			ok = got.err == nil || errors.Is(got.err, geist.ErrClientGone)
		case "/fails":
			ok = errors.Is(got.err, failed) || errors.Is(got.err, geist.ErrClientGone)
		case "/waits", "/feed":
			ok = errors.Is(got.err, geist.ErrClientGone)
		}
		if !ok {
			t.Errorf("%s: err = %v", path, got.err)
		}
	}
	if n := len(ends); n != 0 {
		t.Errorf("%d ends more, want none", n)
	}
}
