package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/gogeist/geist/geisttest"
)

// TestMonitor_load: what the load asks for is counted, and the load ends with its context.
func TestMonitor_load(t *testing.T) {
	app := newApp()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	done := make(chan struct{})
	go func() { defer close(done); makeLoad(ctx, ln.Addr().String()) }()
	client := geisttest.New(t, app, geisttest.Config{Host: "localhost", RemoteAddr: "127.0.0.1"})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var s struct {
			Requests    struct{ Total int }
			Connections struct{ Streams int }
		}
		client.GET("/monitor/stats.json").Do().Status(200).JSON(&s)
		if s.Requests.Total > 100 && s.Connections.Streams == listeners {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after 20 s: %+v", s)
		}
	}
	stop()
	<-done
	if err := app.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
