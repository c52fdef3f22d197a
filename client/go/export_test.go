package geistclient

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
)

// NewExampleServer starts a server over loopback for the examples, with rooms as the model of the tests
// has them.
func NewExampleServer() (url string, stop func()) {
	s := &server{ln: &pipeListener{closed: make(chan struct{})}, conns: make(chan *conn, 1), streams: map[string]*conn{}}
	m := newModel(nil, rand.New(rand.NewPCG(1, 2)))
	m.calm = true
	h := httptest.NewServer(s)
	go m.serve(s)
	return "ws" + strings.TrimPrefix(h.URL, "http") + "/rt", func() {
		h.Close()
		_ = s.ln.Close()
	}
}
