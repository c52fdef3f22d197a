package idempotency_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/idempotency"
)

// WebSockets and streams of events begin with GET: a key means nothing to them.
func TestNew_websocket(t *testing.T) {
	s := newService(idempotency.Config{Required: true})
	s.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error {
		m, err := ws.Read()
		if err != nil {
			return err
		}
		return ws.Write(m.Type, m.Data)
	})
	h := hub.New(hub.Config{})
	s.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("x")}) })
	})
	s.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	client := geisttest.New(t, s.Engine)
	for range 2 {
		client.GET("/ws").Header("Idempotency-Key", "k").WS().Send("hi").Next().Text("hi")
		client.GET("/run").Header("Idempotency-Key", "k").SSE().Next().Is("message", "x")
		client.GET("/follow").Header("Idempotency-Key", "k").SSE()
	}
}

// An answer that is a stream locks the key until it has ended, and is not kept.
func TestNew_stream(t *testing.T) {
	s := newService(idempotency.Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	s.POST("/stream", func(c *geist.Ctx) error {
		s.runs.Add(1)
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			entered <- struct{}{}
			<-leave
			_, err := w.WriteString("streamed")
			return err
		})
	})
	client := geisttest.New(t, s.Engine)
	for range 2 {
		done := make(chan *geisttest.Response)
		go func() { done <- post(client, "/stream", "k").Do() }()
		<-entered
		post(client, "/stream", "k").Do().Status(409)
		leave <- struct{}{}
		(<-done).Status(200).BodyIs("streamed").NoHeader("Idempotency-Replayed")
	}
	s.ran(t, 2)
}

func TestNew_notFound(t *testing.T) {
	f := newFaulty(memory(t))
	f.set("CAS Get") // is not asked
	s := newService(idempotency.Config{Store: f, Required: true})
	s.GET("/only", s.pay)
	client := geisttest.New(t, s.Engine)
	post(client, "/nowhere", "k").Do().Status(404)
	post(client, "/only", "k").Do().Status(405)
	post(client, "/pay/", "k").Do().Status(308)
	client.OPTIONS("/pay").Header("Idempotency-Key", "k").Do().Status(204)
	client.POST("/nowhere").Do().Status(404)
	s.ran(t, 0)
}

// A body that its route streams is left to the handler, in whatever form it comes.
func TestNew_streamBody(t *testing.T) {
	s := newService(idempotency.Config{})
	s.POST("/upload", func(c *geist.Ctx) error {
		s.runs.Add(1)
		n, err := io.Copy(io.Discard, c.BodyReader())
		if err != nil {
			return err
		}
		if n == 3 {
			return geist.NewError(422, "three is too few")
		}
		return c.JSON(201, n)
	}).Doc(geist.StreamBody())
	client := geisttest.New(t, s.Engine)
	long := strings.Repeat("x", 1<<20)
	post(client, "/upload", "whole").BodyString(long).Do().Status(201).BodyIs("1048576")
	post(client, "/upload", "whole").BodyString(long).Do().Status(201).BodyIs("1048576").HasHeader("Idempotency-Replayed", "true")
	post(client, "/upload", "chunks").BodyReader(strings.NewReader(long)).Do().Status(201).BodyIs("1048576")
	post(client, "/upload", "chunks").BodyReader(strings.NewReader(long)).Do().Status(201).HasHeader("Idempotency-Replayed", "true")
	s.ran(t, 2)
	for range 2 { // what failed may have failed for the body
		post(client, "/upload", "three").BodyString("abc").Do().Status(422)
	}
	s.ran(t, 4)
	expect(t, client, "/upload", "expect", "12345", "201 Created")
	expect(t, client, "/pay", "expect", "12345", "201 Created")
	s.ran(t, 6)
}

// expect sends a body behind 100 Continue.
func expect(t *testing.T, client *geisttest.Client, path, key, body, want string) {
	t.Helper()
	conn := client.Dial()
	defer conn.Close()
	in := bufio.NewReader(conn)
	write := func(text string) {
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	write("POST " + path + " HTTP/1.1\r\nHost: a\r\nIdempotency-Key: " + key + "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%s: %q, %v, want 100 Continue", path, line, err)
	}
	_, _ = in.ReadString('\n')
	write(body)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, want) {
		t.Errorf("%s: %q, %v, want %s", path, line, err, want)
	}
}

// A body that is cut short or too long carries nothing out, and leaves the key free.
func TestNew_badBody(t *testing.T) {
	s := &service{Engine: geist.New(geist.Config{MaxBodyBytes: 10})}
	s.Use(idempotency.New(idempotency.Config{Scope: byUser}))
	s.POST("/pay", s.pay)
	client := geisttest.New(t, s.Engine)
	post(client, "/pay", "k").BodyString("much too long").Do().Status(413)
	post(client, "/pay", "k").BodyReader(strings.NewReader("much too long")).Do().Status(413)
	conn := client.Dial()
	_, _ = io.WriteString(conn, "POST /pay HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nab")
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	s.ran(t, 0)
	post(client, "/pay", "k").BodyString("short").Do().Status(201).BodyIs(`{"run":1}`)
}

func TestNew_fromHTTP(t *testing.T) {
	s := newService(idempotency.Config{})
	s.POST("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.runs.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	})))
	client := geisttest.New(t, s.Engine)
	for range 2 {
		post(client, "/http", "k").BodyString("body").Do().Status(201).BodyIs("body")
	}
	s.ran(t, 1)
}

func TestNew_httpHandler(t *testing.T) {
	s := newService(idempotency.Config{})
	h := s.HTTPHandler()
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/pay", strings.NewReader("body"))
		r.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 201 || w.Body.String() != `{"run":1}` {
			t.Errorf("answer = %d %s", w.Code, w.Body)
		}
	}
	s.ran(t, 1)
}
