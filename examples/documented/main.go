// Command documented is a small shop whose interface is described by its code alone: typed
// handlers, a WebSocket, a stream of events and rooms. The documents are at /openapi.json and
// /asyncapi.json, pages that try everything out at /docs and /docs/realtime.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/swagger/ui"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	app, err := newShop()
	if err != nil {
		log.Fatal(err)
	}
	app.OnListen(func(a net.Addr) { fmt.Printf("the pages are at http://%s/docs; stop with Ctrl-C\n", a) })
	if err := app.Run(*addr); err != nil {
		log.Fatal(err)
	}
}

// newShop makes the whole service.
func newShop() (*geist.Engine, error) {
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{Presence: true}})
	app := geist.New(geist.Config{DisableBanner: true})
	app.OnShutdown(h.Shutdown)
	s := &shop{hub: h, items: map[int]Item{1: {ID: 1, NewItem: NewItem{Name: "Lamp", Price: 4900, Tags: []string{"light"}}}}}
	s.routes(app)
	return app, swagger.Mount(app, swagger.Config{
		Title:       "Shop",
		Version:     "1.0",
		Description: "What there is to buy, and what people say of it.",
		Tags:        []swagger.Tag{{Name: "items", Description: "What there is to buy."}, {Name: "talk", Description: "What happens right now."}},
		Pages:       ui.Pages,
	})
}

// NewItem is an item as somebody offers it.
type NewItem struct {
	Name  string   `json:"name" doc:"As buyers see it." example:"Chair" binding:"required"`
	Price int      `json:"price" doc:"In cents." example:"12900"`
	Tags  []string `json:"tags" example:"[\"wood\"]"`
}

// Item is something that can be bought.
type Item struct {
	ID int `json:"id" readOnly:"true"`
	NewItem
}

// ByID names an item.
type ByID struct {
	ID int `path:"id" json:"-" doc:"The item's number." example:"1"`
}

// Said is what somebody says at the counter.
type Said struct {
	Text string `json:"text" doc:"What everybody at the counter hears." example:"Hello" binding:"required"`
}

// Heard is what the others hear.
type Heard struct {
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Counter is where one stands.
type Counter struct {
	Name string `path:"name" json:"-" doc:"Which counter." example:"front"`
	As   string `query:"as" json:"-" doc:"What the others call one." default:"somebody"`
}

// Ticks says how often the clock ticks.
type Ticks struct {
	Every int `query:"every" json:"-" doc:"Milliseconds between two ticks, from 50 to 60000." default:"1000"`
}

// Tick is a moment.
type Tick struct {
	Number int       `json:"number"`
	At     time.Time `json:"at"`
}

// shop is what the handlers share.
type shop struct {
	hub *hub.Hub

	mu    sync.Mutex
	items map[int]Item // guarded by mu
}

var bearer = geist.SecurityScheme{Name: "bearer", Type: "http", Scheme: "bearer", Description: "The token is secret."}

func (s *shop) routes(app *geist.Engine) {
	items := app.Group("/items")
	items.Doc(geist.Tags("items"))
	geist.Get(items, "", s.list, geist.Summary("List items"))
	geist.Get(items, "/:id<int>", s.show, geist.Summary("Show an item"), geist.Returns[geist.Problem](404, "There is none of that number."))
	geist.Post(items, "", s.create, geist.Summary("Offer an item"), geist.Status(201), geist.With(guard), geist.Security(bearer))

	talk := app.Group("")
	talk.Doc(geist.Tags("talk"))
	geist.WS(talk, "/counter/:name", s.counter, geist.Body[Counter](), geist.Summary("Talk at a counter"))
	tick := geist.Emits[Tick]("tick")
	talk.SSE("/ticks", ticks(tick), geist.Body[Ticks](), tick, geist.Summary("The clock"))
	talk.Rooms("/rt", s.hub, func(*geist.Ctx) (hub.Policy, error) {
		return hub.Policy{
			Join:    func(context.Context, *hub.JoinRequest) error { return nil },
			Publish: func(context.Context, *hub.PublishRequest) error { return nil },
		}, nil
	}, geist.Summary("Rooms of the shop"))
}

// guard lets in who knows the token.
func guard(c *geist.Ctx) error {
	if c.Header("Authorization") != "Bearer secret" {
		return geist.NewError(401, "the token is wrong")
	}
	return c.Next()
}

func (s *shop) list(*geist.Ctx, *geist.None) ([]Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Item, 0, len(s.items))
	for id := 1; id <= len(s.items); id++ {
		all = append(all, s.items[id])
	}
	return all, nil
}

func (s *shop) show(_ *geist.Ctx, in *ByID) (*Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, ok := s.items[in.ID]
	if !ok {
		return nil, geist.NewError(404, "no such item")
	}
	return &item, nil
}

func (s *shop) create(_ *geist.Ctx, in *NewItem) (*Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) >= 1000 {
		return nil, geist.NewError(507, "the shop is full")
	}
	item := Item{len(s.items) + 1, *in}
	s.items[item.ID] = item
	return &item, nil
}

// counter sends what one says to all at the same counter.
func (s *shop) counter(c *geist.Ctx, ch *geist.Channel[Said, Heard]) error {
	room, as := "counter:"+c.Param("name"), c.Query("as")
	if as == "" {
		as = "somebody"
	}
	if _, err := s.hub.Join(ch, room); err != nil {
		return err
	}
	for said, err := range ch.All() {
		if wrong, ok := errors.AsType[*geist.Error](err); ok {
			if err := ch.Write(Heard{From: "the shop", Text: wrong.Error(), At: time.Now()}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		heard, err := json.Marshal(Heard{From: as, Text: said.Text, At: time.Now()})
		if err != nil {
			return err
		}
		if _, err := s.hub.Publish(c.Context(), room, hub.Message{Data: heard}); err != nil {
			return err
		}
	}
	return nil
}

// ticks sends the time, as often as the client wants.
func ticks(tick geist.Emitted[Tick]) func(*geist.Ctx, *geist.Stream) error {
	return func(c *geist.Ctx, s *geist.Stream) error {
		var in Ticks
		if err := c.Bind(&in); err != nil {
			return err
		}
		if in.Every < 50 || in.Every > 60_000 {
			return geist.NewError(422, "every must be from 50 to 60000")
		}
		return s.Run(func() error {
			clock := time.NewTicker(time.Duration(in.Every) * time.Millisecond)
			defer clock.Stop()
			for n := 1; ; n++ {
				if err := tick.Send(s, Tick{n, time.Now()}); err != nil {
					return err
				}
				select {
				case <-clock.C:
				case <-s.Context().Done():
					return nil
				}
			}
		})
	}
}
