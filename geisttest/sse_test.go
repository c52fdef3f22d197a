package geisttest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestEventStream_inBubble: time is faked, so that an hour of ticks and heartbeats takes none.
func TestEventStream_inBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := geist.New()
		app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
			return s.Run(func() error {
				for range 3 {
					time.Sleep(20 * time.Minute)
					if err := s.SendJSON("tick", time.Now().Unix()); err != nil {
						return err
					}
				}
				return nil
			})
		})
		start := time.Now()
		e := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour}).SSE("/")
		e.Comment()
		if passed := time.Since(start); passed < 15*time.Second || passed > 26*time.Second {
			t.Errorf("the first heartbeat came after %s, want 20s and a quarter more or less", passed)
		}
		for i := range 3 {
			var at int64
			e.Next().JSON(&at)
			if want := start.Add(time.Duration(i+1) * 20 * time.Minute).Unix(); at != want {
				t.Errorf("tick %d at %d, want %d", i, at, want)
			}
		}
		e.End()
	})
}
