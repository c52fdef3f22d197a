package geistclient

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var chaosSeed = flag.Uint64("chaosseed", 0, "the seed of TestClient_chaos; 0: any")

// TestClient_chaos cuts connections at random bytes while clients publish and read: each message is
// published once, in the order of its author, and each reader receives all of them once, in the order
// of the room.
func TestClient_chaos(t *testing.T) {
	for name, conf := range encodings {
		for i := range uint64(4) {
			seed := *chaosSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { runChaos(t, conf, seed) })
				if t.Failed() {
					t.Logf("failed with -chaosseed=%d", seed)
				}
			})
		}
	}
}

// chaos is one run.
type chaos struct {
	t     *testing.T
	conf  Config
	model *model
	seed  uint64
}

const (
	chaosPublishers = 3
	chaosReaders    = 4
	chaosMessages   = 40
)

func runChaos(t *testing.T, conf Config, seed uint64) {
	s := newServer(t)
	x := &cutter{r: rand.New(rand.NewPCG(seed, 1)), calm: true}
	s.ln.wrap = x.wrap
	c := &chaos{t: t, conf: conf, model: newModel(t, rand.New(rand.NewPCG(seed, 2))), seed: seed}
	c.conf.HTTPClient = s.client
	go c.model.serve(s)
	rooms := []string{"a", "b"}
	var readers, publishers sync.WaitGroup
	for range chaosReaders {
		client := c.client(8) // little space: rooms are left and joined again, too
		for _, name := range rooms {
			room := c.join(client, name)
			readers.Go(func() { c.read(room) })
		}
	}
	authors := map[string]bool{}
	for range chaosPublishers {
		client := c.client(0)
		authors[client.author] = true
		for _, name := range rooms {
			room := c.join(client, name)
			publishers.Go(func() { c.publish(room) })
		}
	}
	x.mu.Lock()
	x.calm = false
	x.mu.Unlock()
	publishers.Wait()
	readers.Wait()
	x.mu.Lock()
	x.calm = true
	cuts := x.count
	x.mu.Unlock()
	c.model.mu.Lock()
	defer c.model.mu.Unlock()
	for name, r := range c.model.rooms {
		for author := range authors {
			last := 0
			for i, id := range r.ids {
				if own(id, author) {
					last++
					if want := fmt.Sprint(last); r.data[i] != want {
						t.Errorf("room %s: message %d of %s is %s, want %s", name, i, author, r.data[i], want)
					}
				}
			}
			if last != chaosMessages {
				t.Errorf("room %s: %d messages of %s, want %d", name, last, author, chaosMessages)
			}
		}
	}
	if cuts < 5 || c.model.resumed < 5 {
		t.Errorf("%d cuts, %d resumed: not much of a chaos", cuts, c.model.resumed)
	}
	t.Logf("%d cuts, %d joins resumed, %d publishes repeated, %d commands refused", cuts, c.model.resumed, c.model.repeated, c.model.rated)
}

func (c *chaos) client(buffer int) *Client {
	conf := c.conf
	conf.Buffer = buffer
	client, err := Dial(c.t.Context(), "ws://server/rt", conf)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (c *chaos) join(client *Client, name string) *Room {
	for {
		room, err := client.Join(c.t.Context(), name, JoinOptions{})
		if err == nil {
			return room
		}
		if !errors.Is(err, ErrRate) {
			c.t.Fatal(err)
		}
	}
}

// publish publishes the numbers from 1 on.
func (c *chaos) publish(room *Room) {
	for i := 1; i <= chaosMessages; {
		_, err := room.Publish(c.t.Context(), Message{Data: fmt.Append(nil, i)})
		var refused *Error
		switch {
		case err == nil:
			i++
		case errors.As(err, &refused) && refused.Code == codeRate:
			time.Sleep(refused.Retry)
		default:
			c.t.Errorf("publish %d: %v", i, err)
			return
		}
	}
}

// read receives all messages and compares them with the log.
func (c *chaos) read(room *Room) {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Hour)
	defer cancel()
	r := rand.New(rand.NewPCG(c.seed, room.number))
	want := chaosPublishers * chaosMessages
	for i := range want {
		m, err := room.Receive(ctx)
		if err != nil || m.Gap != nil {
			c.t.Errorf("room %s, message %d: %v, gap %v", room.name, i, err, m.Gap)
			return
		}
		c.model.mu.Lock()
		log, id, data := c.model.rooms[room.name], "", ""
		if i < len(log.ids) {
			id, data = log.ids[i], log.data[i]
		}
		c.model.mu.Unlock()
		if m.ID != id || string(m.Data) != data || m.Position != (Position{modelEpoch, uint64(2 * (i + 1))}) {
			c.t.Errorf("room %s, message %d: got %s %s at %v, want %s %s", room.name, i, m.ID, m.Data, m.Position, id, data)
			return
		}
		if r.IntN(5) == 0 {
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		}
	}
}
