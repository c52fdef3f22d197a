//go:build !race && !geistdebug

package view_test

import (
	"io"
	"testing"

	"github.com/gogeist/geist/view"
)

// TestSet_allocatesNothing: nothing beyond what html/template does.
func TestSet_allocatesNothing(t *testing.T) {
	users, hand, s := benchUsers(), byHand(), view.New(view.Config{FS: files(benchSite)})
	want := testing.AllocsPerRun(200, func() { _ = hand.Execute(io.Discard, users) })
	got := testing.AllocsPerRun(200, func() { _ = s.Execute(io.Discard, "users", users) })
	if got > want {
		t.Errorf("allocs = %v, want %v as by hand", got, want)
	}
}
