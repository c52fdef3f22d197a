package board

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/middleware/csrf"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// service is a board on a free port, for one test.
type service struct {
	tb    testing.TB
	store *Store
	base  string
	http  *http.Client
}

// startService serves the database at path until the test ends, or until stop, with
// settings that change may alter.
func startService(tb testing.TB, path string, change ...func(*geist.Config)) (s *service, stop func()) {
	tb.Helper()
	store, err := Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := Config()
	cfg.Logger, cfg.DrainIdle = slog.New(slog.DiscardHandler), -1
	for _, f := range change {
		f(&cfg)
	}
	app := geist.New(cfg)
	addPeople(tb, store)
	live, err := NewHub(tb.Context(), store)
	if err != nil {
		tb.Fatal(err)
	}
	access := NewAccess(store, live, nil)
	app.Use(csrf.New(), access.Sessions(), access.Keys())
	NewAPI(store, live, access).Register(app)
	app.OnShutdown(live.Shutdown)
	app.OnShutdown(func(context.Context) error { return store.Close() })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	client := &http.Client{Transport: asAda{transport}, Timeout: 30 * time.Second}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			tb.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	}
	tb.Cleanup(stop)
	return &service{tb, store, "http://" + ln.Addr().String(), client}, stop
}

// addPeople adds who the tests are about: members, whose keys keyOf returns, and the viewer Vera.
func addPeople(tb testing.TB, store *Store) {
	tb.Helper()
	store.SetIterations(10)
	for name, role := range map[string]Role{"Ada": Admin, "Grace": Member, "Linus": Member, "Vera": Viewer} {
		if _, err := store.AddPerson(tb.Context(), Person{name, role}, "secret of "+name, keyOf(name)); err != nil {
			tb.Fatal(err)
		}
	}
}

// keyOf returns the key of somebody whom addPeople adds.
func keyOf(name string) string { return "0123456789abcdef-" + name }

// asAda sends requests with Ada's key, but those that have a key, or an empty one for none.
type asAda struct{ *http.Transport }

func (t asAda) RoundTrip(r *http.Request) (*http.Response, error) {
	switch keys := r.Header["Authorization"]; {
	case keys == nil:
		r.Header.Set("Authorization", "Bearer "+keyOf("Ada"))
	case keys[0] == "":
		r.Header.Del("Authorization")
	}
	return t.Transport.RoundTrip(r)
}

// newService serves an empty board.
func newService(tb testing.TB, change ...func(*geist.Config)) *service {
	s, _ := startService(tb, filepath.Join(tb.TempDir(), "tasks.db"), change...)
	return s
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. A body is sent as JSON unless header, which is pairs of name
// and value, says otherwise. It may be called from any goroutine.
func (s *service) do(method, target, body string, header ...string) answer {
	req, err := http.NewRequest(method, s.base+target, strings.NewReader(body))
	if err != nil {
		s.tb.Errorf("%s %s: %v", method, target, err)
		return answer{}
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		s.tb.Errorf("%s %s: %v", method, target, err)
		return answer{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Errorf("%s %s: %v", method, target, err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

// want fails the test unless the answer has the status.
func (s *service) want(status int, method, target, body string, header ...string) answer {
	s.tb.Helper()
	a := s.do(method, target, body, header...)
	if a.status != status {
		s.tb.Fatalf("%s %s %s: status %d, want %d: %s", method, target, body, a.status, status, a.body)
	}
	return a
}

// decode reads the answer's JSON, which may hold nothing that T does not have.
func decode[T any](tb testing.TB, a answer) T {
	tb.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// problem is a problem document of this API.
type problem struct {
	geist.Problem
	Errors []geist.FieldError `json:"errors"`
}
