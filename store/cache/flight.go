package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// flight is one load, with all who wait for it.
type flight struct {
	done   chan struct{} // closed when kept and err are there
	cancel context.CancelFunc
	kept   []byte // frozen when done is closed; shared by all who wait, who only read it
	err    error  // likewise

	waiting int  // guarded by Cache.mu
	stale   bool // guarded by Cache.mu; what it loads is not to be kept: Delete was called, or all have left
}

// PanicError is what those get who wait for a load that panics.
type PanicError struct {
	// Value is what load panicked with.
	Value any
	// Stack is where, in the form of debug.Stack.
	Stack []byte
}

// Error returns the value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("cache: load panicked: %v", e.Value) }

// Unwrap returns the value if it is an error, or nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ErrGone means that load has ended its goroutine, by runtime.Goexit, instead of returning.
var ErrGone = errors.New("cache: load did not return")

// join waits for the load of a key, which it begins if there is none.
func (c *Cache) join(ctx context.Context, key string, load func(context.Context) ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	f := c.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		var loading context.Context
		loading, f.cancel = context.WithTimeout(context.WithoutCancel(ctx), c.conf.Timeout)
		c.flights[key] = f
		go c.fly(loading, key, f, load)
	}
	f.waiting++
	c.mu.Unlock()

	select {
	case <-f.done:
		return f.kept, f.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.stale = true
		f.cancel()
		c.forgetLocked(key, f) // whoever comes now begins another
	}
	return nil, ctx.Err()
}

// forgetLocked takes a flight off, unless another has its place. c.mu must be held.
func (c *Cache) forgetLocked(key string, f *flight) {
	if c.flights[key] == f {
		delete(c.flights, key)
	}
}

// fly runs a load. It is a goroutine of its own, so that no caller has to stay, and ends
// when load does.
func (c *Cache) fly(ctx context.Context, key string, f *flight, load func(context.Context) ([]byte, error)) {
	defer f.cancel()
	f.err = ErrGone
	defer func() {
		if v := recover(); v != nil {
			f.kept, f.err = nil, &PanicError{Value: v, Stack: debug.Stack()}
		}
		c.mu.Lock()
		c.forgetLocked(key, f)
		c.mu.Unlock()
		close(f.done)
	}()
	kept, err := load(ctx)
	if !c.isStale(f) {
		c.keep(ctx, key, kept, err)
		if c.isStale(f) { // Delete came in between, and must have the last word
			if err := c.store.Delete(ctx, key); err != nil {
				c.conf.OnError(key, err)
			}
		}
	}
	f.kept, f.err = kept, err
}

func (c *Cache) isStale(f *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.stale
}
