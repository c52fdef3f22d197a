package geist_test

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gogeist/geist"
)

func ExampleEngine_ListenTLS() {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello over "+c.Scheme()) })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		drained <- app.Shutdown(deadline)
	}()
	if err := app.ListenTLS(":443", "tls.crt", "tls.key"); err != nil {
		log.Fatal(err) // it could not listen
	}
	if err := <-drained; err != nil {
		log.Fatal(err) // the drain cut something
	}
}
