package idempotency_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/store"
)

// What asks to come again, or has failed, leaves the key free; every other answer is kept.
func TestNew_kept(t *testing.T) {
	s := newService(idempotency.Config{})
	s.POST("/status/:code", func(c *geist.Ctx) error {
		s.runs.Add(1)
		code, err := geist.Param[int](c, "code")
		if err != nil {
			return err
		}
		if code >= 400 {
			return geist.NewError(code, "no")
		}
		return c.Text(code, "yes")
	})
	s.POST("/panic", func(*geist.Ctx) error {
		s.runs.Add(1)
		panic("endpoint")
	})
	s.POST("/within", s.pay).Doc(geist.With(func(*geist.Ctx) error {
		s.runs.Add(1)
		panic("middleware")
	}))
	s.POST("/plain", func(*geist.Ctx) error {
		s.runs.Add(1)
		return errors.New("plain")
	})
	client := geisttest.New(t, s.Engine)
	for _, tt := range []struct {
		path   string
		status int
		runs   int64 // of two requests
	}{
		{"/status/200", 200, 1}, {"/status/202", 202, 1}, {"/status/400", 400, 1}, {"/status/402", 402, 1},
		{"/status/404", 404, 1}, {"/status/409", 409, 1}, {"/status/422", 422, 1},
		{"/status/401", 401, 2}, {"/status/403", 403, 2}, {"/status/408", 408, 2}, {"/status/425", 425, 2},
		{"/status/429", 429, 2}, {"/status/500", 500, 2}, {"/status/503", 503, 2},
		{"/panic", 500, 2}, {"/within", 500, 2}, {"/plain", 500, 2},
	} {
		t.Run(tt.path, func(t *testing.T) {
			s.runs.Store(0)
			client := client.With(t)
			first := post(client, tt.path, "k").Do().Status(tt.status)
			post(client, tt.path, "k").Do().Status(tt.status).BodyIs(first.Text())
			s.ran(t, tt.runs)
		})
	}
}

func TestNew_tooLarge(t *testing.T) {
	small := store.NewMemory(store.MemoryConfig{MaxValue: 64 << 10})
	defer small.Close()
	for _, tt := range []struct {
		name        string
		most, bytes int
		status      int // of the second request
	}{
		{"at MaxBytes", 40 << 10, 40 << 10, 200},
		{"above MaxBytes", 40<<10 - 1, 40 << 10, 409},
		{"above the store's limit", 100 << 10, 90 << 10, 409},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(idempotency.Config{Store: small, MaxBytes: tt.most})
			s.POST("/bytes", func(c *geist.Ctx) error {
				s.runs.Add(1)
				return c.Text(200, strings.Repeat("x", tt.bytes))
			})
			client := geisttest.New(t, s.Engine)
			key := strconv.Itoa(tt.most)
			post(client, "/bytes", key).Do().Status(200)
			post(client, "/bytes", key).Do().Status(tt.status)
			s.ran(t, 1)
		})
	}
}

func TestNew_storeFails(t *testing.T) {
	f := newFaulty(memory(t))
	s := newService(idempotency.Config{Store: f})
	s.POST("/down", func(c *geist.Ctx) error {
		f.set("CAS")
		return s.pay(c)
	})
	s.POST("/downAndFail", func(*geist.Ctx) error {
		s.runs.Add(1)
		f.set("CAS")
		return geist.NewError(500, "")
	})
	client := geisttest.New(t, s.Engine)
	for _, fail := range []string{"CAS", "Get"} {
		f.set("")
		post(client, "/pay", "kept").Do().Status(201)
		f.set(fail)
		resp := post(client, "/pay", "kept").Do().Status(503)
		if strings.Contains(resp.Text(), errDown.Error()) {
			t.Errorf("body = %q, which tells what is behind", resp.Text())
		}
	}
	s.ran(t, 1)
	f.set("")
	post(client, "/down", "k").Do().Status(201) // it was carried out: that is the answer
	f.set("")
	post(client, "/down", "k").Do().Status(409) // until LockTTL
	post(client, "/downAndFail", "k").Do().Status(500)
	s.ran(t, 3)
}

// The client that has gone comes back, and finds what was done.
func TestNew_clientGone(t *testing.T) {
	s := newService(idempotency.Config{})
	entered := make(chan struct{})
	s.POST("/gone", func(c *geist.Ctx) error {
		close(entered)
		<-c.Context().Done()
		return s.pay(c)
	})
	client := geisttest.New(t, s.Engine)
	conn := client.Dial()
	if _, err := conn.Write([]byte("POST /gone HTTP/1.1\r\nHost: " + geisttest.DefaultHost + "\r\nIdempotency-Key: k\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-entered
	_ = conn.Close()
	resp := post(client, "/gone", "k").Do()
	for tries := 0; resp.StatusCode == 409 && tries < 10_000; tries++ { // the handler is on its way out
		resp = post(client, "/gone", "k").Do()
	}
	resp.Status(201).BodyIs(`{"run":1}`)
}
