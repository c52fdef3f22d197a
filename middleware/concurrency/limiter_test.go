package concurrency

import (
	"fmt"
	"testing"

	"github.com/gogeist/geist"
)

// TestLimiter_keepsNoKeys: what has no requests takes no memory.
func TestLimiter_keepsNoKeys(t *testing.T) {
	l := NewLimiter(Config{Limit: 1, Key: func(*geist.Ctx) string { return "" }})
	for i := range 1000 {
		g, w := l.enter(fmt.Sprint(i))
		if g == nil || w != nil {
			t.Fatalf("key %d does not get its slot", i)
		}
		if _, w := l.enter(fmt.Sprint(i)); w == nil {
			t.Fatalf("key %d gets more than its slot", i)
		}
		l.leave(g) // to the one that waits
		if len(l.keys) != 1 {
			t.Fatalf("%d keys are kept, want 1", len(l.keys))
		}
		l.leave(g)
	}
	if len(l.keys) != 0 {
		t.Errorf("%d keys are kept, want none", len(l.keys))
	}
}
