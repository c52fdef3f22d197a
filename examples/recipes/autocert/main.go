// Command autocert serves HTTPS with certificates that it gets from Let's Encrypt by
// itself, and renews. The machine must be reachable at the hosts' names, port 443.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gogeist/geist"
	"golang.org/x/crypto/acme/autocert"
)

func main() {
	addr := flag.String("addr", ":443", "the address to listen on")
	hosts := flag.String("hosts", "example.com", "whom certificates are for, with commas between")
	cache := flag.String("cache", "certificates", "the directory that keeps certificates and the account's key")
	flag.Parse()
	app := newApp(manager(*cache, strings.Split(*hosts, ",")...))

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		drained <- app.Shutdown(deadline)
	}()
	if err := app.ListenTLS(*addr, "", ""); err != nil {
		log.Fatal(err)
	}
	if err := <-drained; err != nil {
		log.Fatal(err)
	}
}

// manager gets certificates for hosts, and for no other name that a client may send.
func manager(cache string, hosts ...string) *autocert.Manager {
	return &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(cache),
		HostPolicy: autocert.HostWhitelist(hosts...),
	}
}

// newApp takes the certificates, and ACME's challenge on port 443 (acme-tls/1), from m.
func newApp(m *autocert.Manager) *geist.Engine {
	app := geist.New(geist.Config{TLSConfig: m.TLSConfig()})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello over "+c.Scheme()) })
	return app
}
