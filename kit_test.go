package geist_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
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

// timeoutContext is a context that ends after d.
func timeoutContext(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// totalAlloc returns the bytes that were ever allocated: what was live at once is less.
func totalAlloc() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.TotalAlloc)
}

// slicesOf joins bytes.
func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
