// Command monitor is a service whose monitor page has something to show: with -load it makes
// its own requests, on a few connections, and streams that follow rooms.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/monitor"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	load := flag.Bool("load", false, "make requests to itself")
	flag.Parse()
	if err := run(*addr, *load); err != nil {
		log.Fatal(err)
	}
}

func run(addr string, load bool) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	app := newApp()
	app.OnListen(func(a net.Addr) {
		fmt.Printf("the monitor is at http://%s/monitor; stop with Ctrl-C\n", a)
		if load {
			go makeLoad(ctx, a.String()) // ends with ctx
		}
	})
	return app.Run(addr)
}

// newApp makes the service.
func newApp() *geist.Engine {
	feed := hub.New(hub.Config{})
	app := geist.New(geist.Config{DisableBanner: true})
	app.OnShutdown(feed.Shutdown)

	m := monitor.New(monitor.Config{Title: "Market", Hubs: map[string]*hub.Hub{"market": feed}, RoomNames: true, Build: true})
	app.Use(m.Handler())
	m.Mount(app, "/monitor")

	app.GET("/api/quotes/:symbol", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"symbol": c.Param("symbol"), "price": rand.IntN(10_000)})
	})
	app.GET("/api/search", func(c *geist.Ctx) error {
		time.Sleep(time.Duration(2+rand.ExpFloat64()*6) * time.Millisecond) // a query of a database
		return c.JSON(200, []string{c.Query("q")})
	})
	app.POST("/api/orders", func(c *geist.Ctx) error {
		if rand.IntN(50) == 0 {
			return c.JSON(503, geist.Map{"detail": "the exchange does not answer"})
		}
		return c.JSON(201, geist.Map{"order": rand.Int32()})
	})
	app.GET("/api/old", func(c *geist.Ctx) error { return c.Redirect(308, "/api/search") })
	app.POST("/rooms/:room", func(c *geist.Ctx) error {
		_, err := feed.Publish(c.Context(), c.Param("room"), hub.Message{Event: "trade", Data: c.Body()})
		if err != nil {
			return err
		}
		return c.NoContent()
	})
	app.SSE("/rooms/:room", func(c *geist.Ctx, s *geist.Stream) error { return s.Follow(feed, c.Param("room")) })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(feed, "trades") })
	return app
}
