package judge

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/swagger"
)

// taskboard is the example, with an empty database.
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
	app := geist.New(board.Config())
	board.NewAPI(store, live).Register(app)
	board.RegisterHealth(app, store)
	return app, board.Documents()
}
