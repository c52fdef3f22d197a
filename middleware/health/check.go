package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// errTimeout is the result of a check that does not return in time.
var errTimeout = errors.New("health: the check did not return in time")

// check is a Check with its last result.
type check struct {
	Check
	base     context.Context // ends when the engine has been shut down
	cacheFor time.Duration
	passed   atomic.Bool // once

	mu      sync.Mutex
	last    result        // guarded by mu
	running chan struct{} // guarded by mu; closed when the run under way has returned; nil without one
	since   time.Time     // guarded by mu; when that began
	failing bool          // guarded by mu; the log says so
}

// result is what a run has found.
type result struct {
	err  error
	at   time.Time // when it returned; zero for none
	took time.Duration
}

// runAll returns the results of the checks, which run at the same time.
func runAll(checks []*check) []result {
	results := make([]result, len(checks))
	runs := make([]chan struct{}, len(checks))
	for i, k := range checks {
		runs[i] = k.start(&results[i])
	}
	for i, k := range checks {
		if runs[i] != nil {
			results[i] = k.wait(runs[i])
		}
	}
	return results
}

// start fills r with a result that still serves. Else it returns a channel that is closed
// when the run under way, which it has begun if there was none, has returned.
func (k *check) start(r *result) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.last.at.IsZero() && time.Since(k.last.at) < k.cacheFor {
		*r = k.last
		return nil
	}
	if k.running == nil {
		k.running, k.since = make(chan struct{}), time.Now()
		go k.run(k.running) // it ends when Func returns, which Check asks of it
	}
	return k.running
}

// run calls the function and keeps its result, also if it panics or ends its goroutine.
func (k *check) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(k.base, k.Timeout)
	defer cancel()
	begin := time.Now()
	err := errors.New("health: the check ended its goroutine")
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("health: the check panicked: %v", v)
		}
		k.returned(result{err: err, at: time.Now(), took: time.Since(begin)})
		close(done)
	}()
	err = k.Func(ctx)
}

// returned keeps the result of the run under way.
func (k *check) returned(r result) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last, k.running = r, nil
	if r.err == nil {
		k.passed.Store(true)
	}
}

// wait returns the result of a run, or that it takes too long.
func (k *check) wait(done chan struct{}) result {
	k.mu.Lock()
	left := k.Timeout - time.Since(k.since)
	k.mu.Unlock()
	late := time.NewTimer(left)
	defer late.Stop()
	select {
	case <-done:
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.last
	case <-late.C:
		return result{err: errTimeout, took: k.Timeout}
	}
}

// tell logs that the check has begun or ended to fail.
func (k *check) tell(logger func() *slog.Logger, r result) {
	k.mu.Lock()
	changed := k.failing != (r.err != nil)
	k.failing = r.err != nil
	k.mu.Unlock()
	switch {
	case changed && r.err != nil:
		logger().Warn("a health check fails", "check", k.Name, "error", r.err)
	case changed:
		logger().Info("a health check passes again", "check", k.Name)
	}
}
