package board

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

const (
	defaultLimit = 50
	maxLimit     = 200
	maxSearch    = 200 // characters of ?q=, ?owner= and ?tag=
)

// API serves a store over HTTP, and tells of every change by a hub.
type API struct {
	store *Store
	live  *hub.Hub
}

// NewAPI returns the API of a store. It publishes to live, which its owner shuts down.
func NewAPI(store *Store, live *hub.Hub) *API { return &API{store, live} }

// Register adds the routes of the API to r.
func (a *API) Register(r geist.Router) {
	tasks := r.Group("/api/tasks")
	tasks.GET("", a.list)
	tasks.POST("", a.create)
	tasks.GET("/:id<int>", a.show)
	tasks.PATCH("/:id<int>", a.update)
	tasks.DELETE("/:id<int>", a.remove)
	tasks.POST("/import", a.importTasks).Doc(geist.StreamBody(), geist.BodyLimit(maxImport), geist.Timeout(importTime))
	a.registerFiles(tasks.Group("/:id<int>"))
	a.registerLive(r)
	a.registerRooms(r)
}

// page is one page of a list.
type page struct {
	Tasks []*Task `json:"tasks"`
	// Next is the address of the page after this one; the last page has none.
	Next string `json:"next,omitempty"`
}

// list answers GET /api/tasks with a page of the tasks that the query selects: as JSON,
// XML or CSV, by the request's Accept header. Who accepts only lines of JSON gets all
// pages at once.
func (a *API) list(c *geist.Ctx) error {
	filter, err := readFilter(c)
	if err != nil {
		return err
	}
	if media, _, err := mime.ParseMediaType(c.Header("Accept")); err == nil && media == ndjson {
		return a.export(c, filter)
	}
	limit, err := geist.Query(c, "limit", defaultLimit)
	if err != nil {
		return err
	}
	if limit < 1 || limit > maxLimit {
		return badQuery("limit", fmt.Sprintf("limit must be 1 to %d", maxLimit))
	}
	tasks, more, err := a.store.List(c.Context(), filter, limit)
	if err != nil {
		return err
	}
	answer := page{Tasks: tasks}
	if more {
		answer.Next = nextPage(filter, limit, tasks[limit-1].ID)
		c.SetHeader("Link", "<"+answer.Next+`>; rel="next"`) // CSV has no other place for it
	}
	return c.Negotiate(200, &answer)
}

// export streams the tasks that a filter selects, one a line, in a form that an import
// takes. It reads a page at a time: no query is open while the client takes its time, and
// nothing holds the whole.
func (a *API) export(c *geist.Ctx, filter Filter) error {
	c.SetHeader("Content-Disposition", `attachment; filename="tasks.ndjson"`)
	c.AddHeader("Vary", "Accept")
	ctx := c.Context()
	return c.Stream(ndjson, func(w *geist.StreamWriter) error {
		lines := json.NewEncoder(w)
		for more := true; more; {
			var tasks []*Task
			var err error
			if tasks, more, err = a.store.List(ctx, filter, maxLimit); err != nil {
				return err
			}
			for _, t := range tasks {
				if err := lines.Encode(t); err != nil {
					return err
				}
				filter.After = t.ID
			}
		}
		return nil
	})
}

// readFilter reads what a query selects.
func readFilter(c *geist.Ctx) (Filter, error) {
	f := Filter{
		Status:    Status(c.Query("status")),
		Owner:     c.Query("owner"),
		Tag:       c.Query("tag"),
		DueBefore: c.Query("due_before"),
		Text:      c.Query("q"),
	}
	if f.Status != "" && !f.Status.Valid() {
		return f, badQuery("status", "status must be todo, doing or done")
	}
	if f.DueBefore != "" && !validDay(f.DueBefore) {
		return f, badQuery("due_before", "due_before must be a day such as 2030-01-31")
	}
	for name, value := range map[string]string{"owner": f.Owner, "tag": f.Tag, "q": f.Text} {
		if utf8.RuneCountInString(value) > maxSearch {
			return f, badQuery(name, fmt.Sprintf("%s must be at most %d characters", name, maxSearch))
		}
	}
	var err error
	f.After, err = geist.Query[int64](c, "after", 0)
	return f, err
}

// badQuery names the field that is wrong, as geist.Query does.
func badQuery(field, detail string) error {
	return geist.NewError(400, detail).With("query", field)
}

// nextPage returns the address of the page that begins after a task.
func nextPage(f Filter, limit int, after int64) string {
	q := url.Values{"limit": {strconv.Itoa(limit)}, "after": {strconv.FormatInt(after, 10)}}
	for name, value := range map[string]string{
		"status": string(f.Status), "owner": f.Owner, "tag": f.Tag, "due_before": f.DueBefore, "q": f.Text,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/api/tasks?" + q.Encode()
}

// create answers POST /api/tasks: 201 and the address of the new task.
//
// Bind asks for the content type, which is what keeps other sites out: a form or
// script of theirs cannot send JSON here without the browser asking us first.
func (a *API) create(c *geist.Ctx) error {
	draft := Draft{Status: Todo}
	if err := c.Bind(&draft); err != nil {
		return err
	}
	t, err := a.store.Create(c.Context(), draft)
	if err != nil {
		return err
	}
	a.tellTask(c, t)
	c.SetHeader("Location", fmt.Sprintf("/api/tasks/%d", t.ID))
	return answerTask(c, 201, t)
}

// show answers GET /api/tasks/:id, or 304 to a client that has this version.
func (a *API) show(c *geist.Ctx) error {
	id, err := geist.Param[int64](c, "id")
	if err != nil {
		return err
	}
	t, err := a.store.Get(c.Context(), id)
	if err != nil {
		return err
	}
	if c.Header("If-None-Match") == etag(t) {
		c.SetHeader("ETag", etag(t))
		return c.Status(304).NoContent()
	}
	return answerTask(c, 200, t)
}

// update answers PATCH /api/tasks/:id: what the body names is changed, the rest
// stays, since Bind touches no field that was not sent. With If-Match it changes only the version that the client has seen (412).
func (a *API) update(c *geist.Ctx) error {
	id, version, err := target(c)
	if err != nil {
		return err
	}
	t, err := a.store.Update(c.Context(), id, version, func(d *Draft) error {
		return c.Bind(d)
	})
	if err != nil {
		return err
	}
	a.tellTask(c, t)
	return answerTask(c, 200, t)
}

// remove answers DELETE /api/tasks/:id. It honours If-Match too.
func (a *API) remove(c *geist.Ctx) error {
	id, version, err := target(c)
	if err != nil {
		return err
	}
	if err := a.store.Delete(c.Context(), id, version); err != nil {
		return err
	}
	a.tell(c, change{Event: "task.deleted", ID: id})
	return c.NoContent()
}

// target returns which task a change is for, and which version of it: 0 for any.
func target(c *geist.Ctx) (id, version int64, err error) {
	if id, err = geist.Param[int64](c, "id"); err != nil {
		return 0, 0, err
	}
	match := c.Header("If-Match")
	if match == "" || match == "*" {
		return id, 0, nil
	}
	version, err = strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
	if err != nil || version < 1 || match != fmt.Sprintf("%q", strconv.FormatInt(version, 10)) {
		return 0, 0, ErrStale // no tag of ours, so no version that exists
	}
	return id, version, nil
}

// etag is the version in quotes, as it stands in ETag, If-Match and If-None-Match.
func etag(t *Task) string { return `"` + strconv.FormatInt(t.Version, 10) + `"` }

func answerTask(c *geist.Ctx, status int, t *Task) error {
	c.SetHeader("ETag", etag(t))
	return c.JSON(status, t)
}
