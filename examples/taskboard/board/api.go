package board

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/timeout"
)

// maxLimit is how many tasks are read at once.
const maxLimit = 200

// API serves a store over HTTP, and tells of every change by a hub.
type API struct {
	store  *Store
	live   *hub.Hub
	access *Access
}

// NewAPI returns the API of a store. It publishes to live, which its owner shuts down. Everybody
// may read; who may write access says, whose middleware must run before.
func NewAPI(store *Store, live *hub.Hub, access *Access) *API { return &API{store, live, access} }

// Register adds the routes of the API to r.
func (a *API) Register(r geist.Router) {
	tasks := r.Group("/api/tasks", timeout.New(timeout.Config{After: answerTime}))
	tasks.Doc(geist.Tags("tasks"))
	geist.Get(tasks, "", a.list, geist.Summary("List tasks"), geist.Description(listText)).Name("listTasks")
	geist.Get(tasks, "/:id<int>", a.show, geist.Summary("Show a task"), missing, unchanged).Name("showTask")
	edits := a.writes(tasks, "")
	geist.Post(edits, "", a.create, geist.Summary("Create a task"), geist.Status(201)).Name("createTask")
	geist.Patch(edits, "/:id<int>", a.update, geist.Summary("Change a task"), missing, stale).Name("changeTask")
	geist.Delete(edits, "/:id<int>", a.remove, geist.Summary("Delete a task"), missing, stale).Name("deleteTask")
	geist.Post(a.writes(r, "/api/tasks"), "/import", a.importTasks, geist.Tags("tasks"), geist.Summary("Import tasks"),
		geist.Description(importText), geist.Status(201),
		geist.Consumes(ndjson), geist.StreamBody(), geist.BodyLimit(maxImport), geist.Timeout(importTime),
		geist.Returns[geist.Problem](422, "Some lines are no valid tasks: errors names them, and nothing was imported.")).Name("importTasks")
	a.registerFiles(r.Group("/api/tasks/:id<int>/files").Doc(geist.Tags("files")))
	a.registerLive(r)
	a.registerRooms(r)
	geist.Get(r, "/api/me", a.me, geist.Tags("people"), geist.Summary("Say who asks"), geist.With(a.access.Require(Viewer)),
		geist.Security(a.access.sessions.Scheme()), geist.Returns[geist.Problem](401, "Nobody has signed in.")).Name("me")
}

// writes returns a group for what only members may do.
func (a *API) writes(r geist.Router, prefix string) *geist.Group {
	return r.Group(prefix, a.access.Require(Member)).Doc(geist.Security(a.access.keys.Scheme()),
		geist.Returns[geist.Problem](401, "Nobody has this key, or there is none."),
		geist.Returns[geist.Problem](403, "Only members write."))
}

// me answers GET /api/me.
func (a *API) me(c *geist.Ctx, _ *geist.None) (*Person, error) {
	p, err := a.access.Who(c)
	return &p, err
}

// answerTime bounds what takes no time but when something is broken.
const answerTime = 10 * time.Second

const (
	listText = "A page of the tasks that the query selects, by id. Who accepts application/x-ndjson alone gets all pages " +
		"at once, a task a line, in a form that an import takes."
	importText = "A task a line, as lines of an export or with what the board gives left out. All become tasks or none."
)

// The answers that routes share.
var (
	missing   = geist.Returns[geist.Problem](404, "There is no such task.")
	stale     = geist.Returns[geist.Problem](412, "The task has changed since it was read.")
	unchanged = geist.Returns[geist.None](304, "The client has this version.")
)

// query is what a list selects.
type query struct {
	Status    Status `query:"status" validate:"omitempty,oneof=todo doing done" doc:"Only this column."`
	Owner     string `query:"owner" validate:"max=200" doc:"Only this owner." example:"ada"`
	Tag       string `query:"tag" validate:"max=200" doc:"Only tasks with this tag."`
	DueBefore string `query:"due_before" validate:"omitempty,datetime=2006-01-02" doc:"Only tasks with an earlier day." example:"2030-01-31"`
	Text      string `query:"q" validate:"max=200" doc:"Only titles with this text, whatever its case."`
	After     int64  `query:"after" doc:"Only tasks with a higher id: pages name it."`
	Limit     int    `query:"limit" default:"50" validate:"min=1,max=200" doc:"How many tasks a page has at most."`
}

// page is one page of a list.
type page struct {
	Tasks []*Task `json:"tasks" xml:"task"`
	// Next is the address of the page after this one; the last page has none.
	Next string `json:"next,omitempty" xml:"next,attr,omitempty" doc:"The address of the next page; the last has none."`
}

// list answers GET /api/tasks with a page of the tasks that the query selects: as JSON,
// XML, CSV or lines, by the request's Accept header. Who accepts only lines of JSON gets all
// pages at once.
func (a *API) list(c *geist.Ctx, in *query) (*page, error) {
	filter := Filter{Status: in.Status, Owner: in.Owner, Tag: in.Tag, DueBefore: in.DueBefore, Text: in.Text, After: in.After}
	if media, _, err := mime.ParseMediaType(c.Header("Accept")); err == nil && media == ndjson {
		return nil, a.export(c, filter)
	}
	tasks, more, err := a.store.List(c.Context(), filter, in.Limit)
	if err != nil {
		return nil, err
	}
	answer := &page{Tasks: tasks}
	if more {
		answer.Next = nextPage(filter, in.Limit, tasks[in.Limit-1].ID)
		c.SetHeader("Link", "<"+answer.Next+`>; rel="next"`) // CSV has no other place for it
	}
	return answer, nil
}

// export streams the tasks that a filter selects, one a line, in a form that an import
// takes. It reads a page at a time: no query is open while the client takes its time, and
// nothing holds the whole.
func (a *API) export(c *geist.Ctx, filter Filter) error {
	c.SetHeader("Content-Disposition", `attachment; filename="tasks.ndjson"`)
	return c.Stream(ndjson, func(w *geist.StreamWriter) error {
		ctx := c.Context() // that of the stream, which no timeout bounds
		lines := json.NewEncoder(w)
		for more := true; more; {
			var tasks []*Task
			var err error
			if tasks, more, err = a.store.List(ctx, filter, maxLimit); err != nil {
				return err
			}
			if err := writeLines(lines, tasks); err != nil {
				return err
			}
			if len(tasks) > 0 {
				filter.After = tasks[len(tasks)-1].ID
			}
		}
		return nil
	})
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
func (a *API) create(c *geist.Ctx, in *Draft) (*Task, error) {
	t, err := a.store.Create(c.Context(), *in)
	if err != nil {
		return nil, err
	}
	a.tellTask(c, t)
	c.SetHeader("Location", fmt.Sprintf("/api/tasks/%d", t.ID))
	return tagged(c, t), nil
}

// which names a task.
type which struct {
	ID int64 `path:"id" doc:"The task's." example:"7"`
}

// show answers GET /api/tasks/:id, or 304 to a client that has this version.
func (a *API) show(c *geist.Ctx, in *struct {
	which
	Seen string `header:"If-None-Match" doc:"The ETag of the version that the client has."`
}) (*Task, error) {
	t, err := a.store.Get(c.Context(), in.ID)
	if err != nil {
		return nil, err
	}
	if tagged(c, t); in.Seen == etag(t) {
		return nil, unchanged.Send(c, geist.None{})
	}
	return t, nil
}

// update answers PATCH /api/tasks/:id: what the body names is changed, the rest
// stays. With If-Match it changes only the version that the client has seen (412).
func (a *API) update(c *geist.Ctx, in *struct {
	target
	Edit
}) (*Task, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	t, err := a.store.Update(c.Context(), in.ID, version, func(d *Draft) error {
		in.apply(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.tellTask(c, t)
	return tagged(c, t), nil
}

// remove answers DELETE /api/tasks/:id. It honours If-Match too.
func (a *API) remove(c *geist.Ctx, in *target) (geist.None, error) {
	version, err := in.version()
	if err == nil {
		err = a.store.Delete(c.Context(), in.ID, version)
	}
	if err == nil {
		a.tell(c, change{Event: "task.deleted", ID: in.ID})
	}
	return geist.None{}, err
}

// target says which task a change is for, and which version of it.
type target struct {
	which
	Match string `header:"If-Match" doc:"The ETag of the version that the client has seen; missing or * for any."`
}

// version returns the version that a change is for: 0 for any.
func (t *target) version() (int64, error) {
	if t.Match == "" || t.Match == "*" {
		return 0, nil
	}
	version, err := strconv.ParseInt(strings.Trim(t.Match, `"`), 10, 64)
	if err != nil || version < 1 || t.Match != fmt.Sprintf("%q", strconv.FormatInt(version, 10)) {
		return 0, ErrStale // no tag of ours, so no version that exists
	}
	return version, nil
}

// etag is the version in quotes, as it stands in ETag, If-Match and If-None-Match.
func etag(t *Task) string { return `"` + strconv.FormatInt(t.Version, 10) + `"` }

// tagged names the version of the task that is the answer.
func tagged(c *geist.Ctx, t *Task) *Task {
	c.SetHeader("ETag", etag(t))
	return t
}
