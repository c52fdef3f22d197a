package judge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/gogeist/geist"
)

// wire stands between a client and a service, and judges every exchange by the document.
type wire struct {
	base   string // of the wire, for clients
	target string // of the service
	router routers.Router
	client http.Client

	mu       sync.Mutex
	seen     []exchange // guarded by mu
	problems []string   // guarded by mu
}

// exchange is a call that was answered.
type exchange struct {
	op     string
	status int
}

// newWire serves app until the test ends, and a wire to it.
func newWire(t *testing.T, app *geist.Engine, document []byte) *wire {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil // the wire is none of those that the document names
	w := &wire{target: "http://" + serve(t, app)}
	if w.router, err = gorillamux.NewRouter(doc); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	w.client = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	server := httptest.NewServer(w)
	w.base = server.URL
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return w
}

// serve serves app on a free port until the test ends, and returns its address.
func serve(t *testing.T, app *geist.Engine) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// ServeHTTP hands a request on, and its answer back.
func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if err := w.exchange(out, r); err != nil {
		w.note("%s %s: %v", r.Method, r.URL, err)
		http.Error(out, err.Error(), http.StatusBadGateway)
	}
}

func (w *wire) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// exchange judges a request and its answer. Streams of events end with their header.
func (w *wire) exchange(out http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := w.router.FindRoute(r)
	if err != nil {
		return err
	}
	options := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	asked := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(r.Context(), asked); err != nil {
		w.note("%s: the request: %v", route.Operation.OperationID, err)
	}
	res, answer, err := w.forward(r, body)
	if err != nil {
		return err
	}
	events := strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream")
	answered := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(answer)),
		Options: &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, ExcludeResponseBody: events},
	}
	if err := openapi3filter.ValidateResponse(r.Context(), answered); err != nil {
		w.note("%s: the answer: %v", route.Operation.OperationID, err)
	}
	w.mu.Lock()
	w.seen = append(w.seen, exchange{route.Operation.OperationID, res.StatusCode})
	w.mu.Unlock()
	for name, values := range res.Header {
		out.Header()[name] = values
	}
	out.WriteHeader(res.StatusCode)
	_, err = out.Write(answer)
	if res.StatusCode == http.StatusNotModified || res.StatusCode == http.StatusNoContent {
		return nil // which have no body to write
	}
	return err
}

// forward sends a request to the service and reads the answer.
func (w *wire) forward(r *http.Request, body []byte) (res *http.Response, answer []byte, err error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, w.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding")
	if r.URL.Path == "/home" {
		req.Host = "acme.geist.test" // where the document says that it is
	}
	if res, err = w.client.Do(req); err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res, nil, nil
	}
	answer, err = io.ReadAll(res.Body)
	return res, answer, err
}
