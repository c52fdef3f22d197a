package geist_test

import (
	"log/slog"
	"time"
)

// waitOr waits for done; after a time that no correct run needs it closes over, so that a handler
// that waits for something that never comes ends, and the test fails instead of hanging.
func waitOr(done <-chan struct{}, over chan struct{}) {
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		close(over)
	}
}

// discard is a logger for tests whose errors are meant.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
