package board

import "github.com/gogeist/geist"

// Health answers GET /healthz: 200 while the service takes work and the database
// answers, else 503, so that a load balancer sends requests elsewhere.
func Health(app *geist.Engine, store *Store) geist.Handler {
	draining := geist.NewError(503, "shutting down")
	broken := geist.NewError(503, "the database does not answer")
	return func(c *geist.Ctx) error {
		if !app.Ready() {
			return draining
		}
		if err := store.Ping(c.Context()); err != nil {
			return broken.Wrap(err)
		}
		return c.JSON(200, geist.Map{"status": "ok"})
	}
}
