// Command fromgin is a service that moves from Gin to geist a route at a time: half of
// its routes are on either, one process answers all of them, and a user who is
// authenticated in front is known in both.
//
// With -front geist, the default, what geist has no route for goes to Gin. With -front
// gin, Gin keeps the port and hands what has moved to geist.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gogeist/geist"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the address to listen on")
	front := flag.String("front", "geist", "who is in front: geist or gin")
	flag.Parse()
	gin.SetMode(gin.ReleaseMode)
	tick := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
			return nil
		}
	}
	var err error
	switch *front {
	case "geist":
		err = geistInFront(tick).Run(*addr)
	case "gin":
		err = runGin(*addr, tick)
	default:
		err = errors.New("-front is geist or gin, not " + *front)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// geistInFront gives to Gin what geist has no route for, or has it for another method.
// Gin's engine needs no change.
func geistInFront(tick tick) *geist.Engine {
	app := geist.New(geist.Config{TrailingSlash: geist.SlashStrict}) // slashes are Gin's business, too
	app.Use(geist.FromHTTPMiddleware(authenticate))
	moved(app, tick)
	rest := geist.FromHTTP(remaining(gin.New(), tick))
	app.NotFound(rest)
	app.MethodNotAllowed(rest)
	return app
}

// ginInFront gives to geist what Gin has no route for. The *geist.Engine is returned
// too: it is to be shut down after the server.
func ginInFront(tick tick) (*gin.Engine, *geist.Engine) {
	r := gin.New()
	r.Use(func(c *gin.Context) { // net/http's middleware, as Gin takes it
		authenticate(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			c.Request = req // with the user in its context
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		c.Abort() // nothing runs twice, nor at all if authenticate has answered
	})
	remaining(r, tick)
	app := geist.New(geist.Config{TrailingSlash: geist.SlashStrict})
	moved(app, tick)
	r.NoRoute(gin.WrapH(app.HTTPHandler()))
	return r, app
}

// runGin serves as a program on Gin does, until it is told to end.
func runGin(addr string, tick tick) error {
	h, app := ginInFront(tick)
	srv := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	go func() { // ends with the drain that the signal, or a port that is taken, starts
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		drained <- errors.Join(srv.Shutdown(deadline), app.Shutdown(deadline))
	}()
	log.Println("listening on", addr)
	err := srv.ListenAndServe()
	stop()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, <-drained)
}
