// Command proxyproto serves behind a load balancer that tells the client's address by
// the PROXY protocol, version 1 or 2.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gogeist/geist"
	"github.com/pires/go-proxyproto"
)

func main() {
	addr := flag.String("addr", ":8080", "the address to listen on")
	balancers := flag.String("balancers", "10.0.0.0/8", "the addresses of the load balancers, with commas between")
	flag.Parse()
	tcp, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := behind(tcp, strings.Split(*balancers, ",")...)
	if err != nil {
		log.Fatal(err)
	}
	app := newApp()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		drained <- app.Shutdown(deadline)
	}()
	if err := app.Serve(ln); err != nil {
		log.Fatal(err)
	}
	if err := <-drained; err != nil {
		log.Fatal(err)
	}
}

// behind wants the header on connections of the balancers, and closes those of
// anybody else, who could choose an address.
func behind(ln net.Listener, balancers ...string) (net.Listener, error) {
	policy, err := proxyproto.TrustProxyHeaderFromRanges(balancers)
	if err != nil {
		return nil, err
	}
	return &proxyproto.Listener{Listener: ln, ConnPolicy: policy, ReadHeaderTimeout: 5 * time.Second}, nil
}

func newApp() *geist.Engine {
	app := geist.New()
	app.GET("/ip", func(c *geist.Ctx) error { return c.Text(200, c.ClientIP()) })
	return app
}
