//go:build !race

package credential

import (
	"testing"
	"time"
)

func TestCache_hitAllocatesNothing(t *testing.T) {
	k := NewCache[string](10)
	k.Put(k.ID("secret"), "Ada", time.Now().Add(time.Hour))
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := k.Get(k.ID("secret")); !ok {
			t.Fatal("no hit")
		}
	}); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}
