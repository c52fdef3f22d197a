// Command roomserver serves the protocol geist.v1 to whoever tests a client: rooms at /rt, with
// the policy that the query names, and the files of the client at /.
//
//	go run ./roomserver -addr 127.0.0.1:8080 -client ../client
//	/rt?policy=open        everything is allowed; rooms "p:…" keep presence; call "echo" returns its data
//	/rt?policy=readonly    nothing may be published
//	/rt?policy=token       "good" is ada's token, "short" hers for 60 s
//
// The first line that it prints is the address.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	files := flag.String("client", "../client", "the directory that is served at /")
	flag.Parse()
	if err := run(*addr, *files); err != nil {
		log.Fatal(err)
	}
}

func run(addr, files string) error {
	app := newApp(files)
	app.OnListen(func(at net.Addr) { fmt.Println(at) })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()
	if err := app.Listen(addr); err != nil && ctx.Err() == nil {
		return err
	}
	<-drained // Listen returns before: when the listener is closed
	return nil
}

func newApp(files string) *geist.Engine {
	h := hub.New(hub.Config{Room: func(name string) hub.RoomConfig {
		return hub.RoomConfig{Presence: strings.HasPrefix(name, "p:")}
	}})
	app := geist.New()
	app.Rooms("/rt", h, func(c *geist.Ctx) (hub.Policy, error) {
		p, ok := policies()[c.Query("policy")]
		if !ok {
			return p, geist.NewError(404, "there is no such policy")
		}
		return p, nil
	}, geist.Origins("*"))
	if _, err := os.Stat(files); err == nil {
		app.Static("/", files)
	}
	return app
}

// policies are those of client/testdata/vectors.json.
func policies() map[string]hub.Policy {
	open := hub.Policy{
		Join:    func(context.Context, *hub.JoinRequest) error { return nil },
		Publish: func(context.Context, *hub.PublishRequest) error { return nil },
		Call: func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
			if r.Name != "echo" {
				return nil, hub.Refuse("not_supported", "there is only echo")
			}
			return r.Data, nil
		},
	}
	readonly, token := open, open
	readonly.Publish = nil
	token.Auth = func(_ context.Context, token string) (hub.Identity, error) {
		switch token {
		case "good":
			return hub.Identity{User: "ada"}, nil
		case "short":
			return hub.Identity{User: "ada", Expires: time.Now().Add(time.Minute)}, nil
		}
		return hub.Identity{}, hub.Refuse("unauthorized", "nobody has that token")
	}
	return map[string]hub.Policy{"": open, "open": open, "readonly": readonly, "token": token}
}
