package concurrency

import (
	"fmt"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
)

// TestCWE_770_keepsNoKeys: whoever sends many keys takes no memory with those that have no requests.
func TestCWE_770_keepsNoKeys(t *testing.T) {
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

// TestCWE_416_keyThatChanges: a key may be a view of a request that ends sooner than the next one
// of its key (geist.Config.UnsafeStrings).
func TestCWE_416_keyThatChanges(t *testing.T) {
	l := NewLimiter(Config{Limit: 2, Queue: -1, Key: func(*geist.Ctx) string { return "" }})
	view := []byte("ada")
	first, _ := l.enter(unsafestring.String(view))
	second, _ := l.enter("ada")
	l.leave(first)
	copy(view, "bob") // by another request in its buffer
	if _, _ = l.enter("ada"); l.keys["ada"] != second {
		t.Fatal("the key's requests have two limits")
	}
	if g, _ := l.enter("ada"); g != nil {
		t.Error("a third request at once gets a slot, want two")
	}
	l.leave(second)
	l.leave(second)
	if len(l.keys) != 0 {
		t.Errorf("%d keys are kept, want none", len(l.keys))
	}
}
