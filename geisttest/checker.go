package geisttest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// Checker judges what goes over the wire of a test by a description of the service, so that the
// tests of an application prove its documents. The Checker of package swagger is one. It is
// safe for many goroutines.
type Checker interface {
	// CheckExchange returns what in a request and its answer is not as described, a sentence
	// each that names the route. The bodies are whole, and nil where they are not known: of
	// requests that are sent in chunks, and of streams and connections that have just been opened.
	CheckExchange(request *http.Request, response *http.Response) []string

	// CheckMessage does so for a message of the connection, or an event of the stream, that
	// request has opened. fromClient tells who has sent it; event is the name of an
	// event, "message" if none was sent, and empty for messages.
	CheckMessage(request *http.Request, fromClient bool, event string, data []byte) []string
}

// checkExchange asks Config.Checker about an answer, of which open says that only its header has
// come.
func (r *Request) checkExchange(resp *Response, open bool) {
	checker, asked := r.checker()
	if checker == nil {
		return
	}
	r.client.tb.Helper()
	if r.sends && r.reader == nil {
		asked.Body = io.NopCloser(bytes.NewReader(r.body))
	} else if r.reader == nil {
		asked.Body = http.NoBody
	}
	raw := *resp.raw
	raw.Body = nil
	if !open {
		raw.Body = io.NopCloser(bytes.NewReader(resp.body))
	}
	report(r.client.tb, checker.CheckExchange(asked, &raw))
}

// checkMessage asks Config.Checker about a message or an event. tb is that of who reads it.
func (r *Request) checkMessage(tb testing.TB, fromClient bool, event string, data []byte) {
	if checker, asked := r.checker(); checker != nil {
		tb.Helper()
		report(tb, checker.CheckMessage(asked, fromClient, event, data))
	}
}

// report fails the test with what is wrong.
func report(tb testing.TB, findings []string) {
	tb.Helper()
	for _, f := range findings {
		tb.Errorf("geisttest: not as described: %s", f)
	}
}

// checker returns the one to ask, and the request as it knows requests; nil if it is not asked, or
// the target is no path.
func (r *Request) checker() (Checker, *http.Request) {
	checker := r.client.session.cfg.Checker
	if checker == nil || r.free {
		return nil, nil
	}
	u, err := url.ParseRequestURI(r.fullTarget())
	if err != nil {
		return nil, nil
	}
	asked := &http.Request{Method: r.method, URL: u, Host: r.hostName(), Header: http.Header{}}
	for _, f := range r.fields {
		asked.Header.Add(f.name, f.value)
	}
	if jar := r.client.session.cookies(r); jar != "" {
		asked.Header.Add("Cookie", jar)
	}
	return checker, asked
}
