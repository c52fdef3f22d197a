package judge

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/swagger"
)

// taskboard is the example, with an empty database and a member who has a key.
func taskboard(tb testing.TB) (*geist.Engine, swagger.Config) {
	tb.Helper()
	store, err := board.Open(tb.Context(), filepath.Join(tb.TempDir(), "tasks.db"))
	if err != nil {
		tb.Fatal(err)
	}
	live, err := board.NewHub(tb.Context(), store)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := live.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	member := board.Person{Name: "client", Role: board.Member}
	if _, err := store.AddPerson(tb.Context(), member, "", "the-key-of-clients"); err != nil { // as testdata/clients has it
		tb.Fatal(err)
	}
	access := board.NewAccess(store, live, nil)
	app := geist.New(board.Config())
	app.Use(access.Sessions(), access.Keys())
	board.NewAPI(store, live, access).Register(app)
	return app, board.Documents()
}
