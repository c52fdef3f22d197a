package hubtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/hub/hubtest"
	"github.com/gogeist/geist/internal/leakcheck"
)

// TestMain fails the run when a goroutine outlives the tests.
func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestRun_bus(t *testing.T) {
	for name, ordered := range map[string]bool{"unordered": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			hubtest.Run(t, func(testing.TB) hubtest.Broker {
				bus := &hub.Bus{Ordered: ordered}
				return hubtest.Broker{Node: bus.Node, Down: func() { bus.SetDown(true) }, Up: func() { bus.SetDown(false) }}
			})
		})
	}
}

func TestClient_closed(t *testing.T) {
	h := hub.New(hub.Config{})
	c := hubtest.NewClient()
	if _, err := h.Join(c, "room"); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Next(t.Context()); !errors.Is(err, hubtest.ErrClosed) {
		t.Errorf("Next = %v, want ErrClosed", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hubtest.NewClient().Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next = %v, want Canceled", err)
	}
}
