package board

import "github.com/gogeist/geist"

// health is the answer of a service that takes work.
type health struct {
	Status string `json:"status" example:"ok"`
}

// RegisterHealth adds GET /healthz: 200 while the service takes work and the database
// answers, else 503, so that a load balancer sends requests elsewhere.
func RegisterHealth(app *geist.Engine, store *Store) {
	draining := geist.NewError(503, "shutting down")
	broken := geist.NewError(503, "the database does not answer")
	geist.Get(app, "/healthz", func(c *geist.Ctx, _ *geist.None) (*health, error) {
		if !app.Ready() {
			return nil, draining
		}
		if err := store.Ping(c.Context()); err != nil {
			return nil, broken.Wrap(err)
		}
		return &health{"ok"}, nil
	}, geist.Tags("service"), geist.Summary("Whether the service takes work"),
		geist.Returns[geist.Problem](503, "The service is shutting down, or its database does not answer.")).Name("health")
}
