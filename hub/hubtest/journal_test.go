package hubtest_test

import (
	"testing"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/hub/hubtest"
)

func TestJournal(t *testing.T) {
	hubtest.RunJournal(t, func(testing.TB) (func() hub.Journal, func()) {
		var j hubtest.Journal
		return func() hub.Journal { return &j }, func() {}
	})
}
