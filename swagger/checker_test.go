package swagger_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/swagger"
)

var _ geisttest.Checker = (*swagger.Checker)(nil)

// spy keeps what a checker finds, and fails no test by it.
type spy struct {
	*swagger.Checker
	mu    sync.Mutex
	found []string // guarded by mu
}

func (s *spy) note(found []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = append(s.found, found...)
	return nil
}

func (s *spy) CheckExchange(request *http.Request, response *http.Response) []string {
	return s.note(s.Checker.CheckExchange(request, response))
}

func (s *spy) CheckMessage(request *http.Request, fromClient bool, event string, data []byte) []string {
	return s.note(s.Checker.CheckMessage(request, fromClient, event, data))
}

// take returns what has been found since the last call.
func (s *spy) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.found
	s.found = nil
	return found
}

// checked returns a client of app whose exchanges are checked, and what is found.
func checked(t *testing.T, app *geist.Engine, cfg swagger.Config) (*geisttest.Client, *spy) {
	t.Helper()
	checker, err := swagger.NewChecker(app, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{Checker: checker}
	return geisttest.New(t, app, geisttest.Config{Checker: s}), s
}

type animal struct {
	ID   int      `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// animals answers with what the query asks for, whatever the route says.
func animals(c *geist.Ctx) error {
	body, kind, status := c.Query("body"), c.Query("kind"), 200
	if body == "" {
		body = `{"id":1,"name":"a","tags":null}`
	}
	if kind == "" {
		kind = "application/json"
	}
	switch c.Query("status") {
	case "201":
		status = 201
	case "204":
		return c.NoContent()
	case "404":
		return geist.ErrNotFound
	case "409":
		return geist.NewError(409, "taken")
	case "500":
		return geist.NewError(500, "")
	}
	for _, name := range strings.Fields(c.Query("set")) {
		c.SetHeader(name, c.Query("to"))
	}
	return c.Bytes(status, kind, []byte(body))
}

func TestChecker_findsWhatIsNotDescribed(t *testing.T) {
	type query struct {
		ID    int    `path:"id" json:"-"`
		Page  int    `query:"page" json:"-" validate:"max=9"`
		Must  string `header:"X-Must" json:"-" binding:"required"`
		Names []int  `query:"n,comma" json:"-"`
	}
	type body struct {
		Name string `json:"name" validate:"max=3"`
	}
	total := geist.Sets[int]("X-Total", "How many.")
	retry := geist.Sets[int]("Retry-After").On(409).Always()
	app := geist.New(geist.Config{Logger: discard(), TrailingSlash: geist.SlashIgnore})
	app.GET("/animals/:id<int>", animals).Doc(geist.Returns[animal](200), geist.Returns[geist.None](201))
	app.GET("/animals/:name", animals).Doc(geist.Returns[map[string]int](200), geist.Returns[geist.Problem](404))
	app.GET("/headers", animals).Doc(geist.Returns[animal](200), total, retry)
	app.GET("/loose", animals)
	app.GET("/hidden", animals).Doc(geist.Hidden())
	app.GET("/query/:id", animals).Doc(geist.Body[query](), geist.Returns[animal](200))
	app.POST("/body", func(c *geist.Ctx) error {
		if c.Query("refuse") != "" {
			return geist.NewError(400, "")
		}
		return c.NoContent()
	}).Doc(geist.Body[body](), geist.Returns[geist.None](204), geist.Returns[geist.Problem](400))
	geist.Get(app.Host("{shop}.example.com"), "/shop", func(*geist.Ctx, *geist.None) ([]animal, error) { return nil, nil })
	app.NotFound(func(c *geist.Ctx) error {
		if c.Path() == "/app" {
			return c.Text(200, "the page")
		}
		return geist.ErrNotFound
	})
	c, found := checked(t, app, config())
	get := func(target string) *geisttest.Request { return c.GET(target) }
	for name, tt := range map[string]struct {
		r    *geisttest.Request
		want []string
	}{
		"sound":               {get("/animals/1"), nil},
		"HEAD":                {c.HEAD("/animals/1"), nil},
		"a slash more":        {get("/animals/1/"), nil},
		"OPTIONS":             {c.OPTIONS("/animals/1"), nil},
		"wrong method":        {c.PUT("/animals/1"), nil},
		"no route":            {get("/nowhere"), nil},
		"success, no route":   {get("/app"), []string{"GET /app: 200: no route of the documents is there"}},
		"status":              {get("/animals/1?status=409"), []string{"GET /animals/:id<int>: 409: the status is not described: there are 200, 201, 404"}},
		"server error":        {get("/animals/1?status=500"), []string{"GET /animals/:id<int>: 500: the status"}},
		"status of a range":   {get("/loose?status=409"), nil},
		"anything":            {get("/loose?body=x&kind=text/plain"), nil},
		"left out":            {get("/hidden?status=409&body=x"), nil},
		"content type":        {get("/animals/1?kind=text/html"), []string{`the content type "text/html" is not described: there are application/json`}},
		"no body":             {get("/animals/1?status=201"), []string{`201: there is a body of type "application/json", and none is described`}},
		"a body is missing":   {get("/animals/1?body=%20"), []string{"the body is no JSON: EOF"}},
		"wrong type":          {get(`/animals/1?body={"id":"x","name":null,"tags":[1,"b"]}`), []string{"#/id: is string, must be integer", "#/name: is null, must be string", "#/tags/0: is integer, must be string"}},
		"missing":             {get(`/animals/1?body={"id":1,"tags":[]}`), []string{"GET /animals/:id<int>: 200: the body: #/name: is missing"}},
		"surplus":             {get(`/animals/1?body={"id":1,"name":"","tags":[],"a~b/c":1}`), []string{"#/a~0b~1c: is not described"}},
		"two values":          {get(`/animals/1?body={"id":1,"name":"","tags":[]}{}`), []string{"there is text behind the value"}},
		"the other route":     {get(`/animals/x?body={"id":1}`), nil},
		"the other's answer":  {get(`/animals/x?body={"id":"1"}`), []string{"GET /animals/:name: 200: the body: #/id: is string"}},
		"problem":             {get("/animals/x?status=404"), nil},
		"header":              {get("/headers?set=X-Total&to=7"), nil},
		"wrong header":        {get("/headers?set=X-Total&to=many"), []string{"the header field X-Total: #: is string, must be integer"}},
		"surplus header":      {get("/headers?set=X-Else+Cache-Control+X-Total&to=1"), []string{"the header field X-Else is not described"}},
		"missing header":      {get("/headers?status=409"), []string{"409: the header field Retry-After is missing"}},
		"parameters":          {get("/query/7?page=3&n=1,2").Header("X-Must", "x"), nil},
		"refused parameters":  {get("/query/x?page=10&n=1,b"), []string{`the path parameter "id" was taken in: #: is string, must be integer`, `query parameter "page" was taken in: #: must be at most 9`, `lacks the header parameter "X-Must"`, `query parameter "n" was taken in: #/1: is string`}},
		"body":                {c.POST("/body").JSON(geist.Map{"name": "abc", "more": 1}), nil},
		"a body taken in":     {c.POST("/body").JSON(geist.Map{"name": "abcd"}), []string{"POST /body: 204: the request's body was taken in: #/name: has 4 characters, must have at most 3"}},
		"a body refused":      {c.POST("/body?refuse=1").JSON(geist.Map{"name": 7}), nil},
		"no body taken in":    {c.POST("/body"), []string{"the request lacks its body, and was taken in"}},
		"unchecked":           {get("/animals/1?status=500").Unchecked(), nil},
		"typed, host":         {get("/shop").Host("a.example.com:80"), nil},
		"of a host elsewhere": {get("/shop").Host("example.com"), nil},
	} {
		found.take()
		tt.r.Do()
		got := found.take()
		if len(got) != len(tt.want) {
			t.Errorf("%s: found %q, want %q", name, got, tt.want)
			continue
		}
		for i := range got {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, tt.want[i]) }) {
				t.Errorf("%s: found %q, want %q", name, got, tt.want[i])
			}
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// What typed handlers answer is as described, their refusals included.
func TestChecker_typedRoutesAreSound(t *testing.T) {
	type in struct {
		ID   int    `path:"id"`
		Sort string `query:"sort" default:"name"`
		On   bool   `query:"on"`
		Name string `json:"name" binding:"required"`
	}
	type out struct {
		Kept  *int           `json:"kept"`
		Left  *int           `json:"left,omitempty"`
		When  time.Time      `json:"when"`
		Any   any            `json:"any"`
		Map   map[string]int `json:"map"`
		Inner struct{ A []byte }
	}
	app := geist.New(geist.Config{Logger: discard()})
	geist.Post(app, "/in/:id", func(_ *geist.Ctx, in *in) (out, error) {
		if in.ID == 0 {
			return out{}, geist.ErrNotFound
		}
		return out{Any: in}, nil
	}, geist.Status(201), geist.Returns[geist.Problem](404))
	geist.Get(app, "/none", func(*geist.Ctx, *geist.None) ([]out, error) { return nil, nil })
	c, found := checked(t, app, config())
	c.POST("/in/1?on=on").JSON(geist.Map{"name": "x"}).Do().Status(201)
	c.POST("/in/0").JSON(geist.Map{"name": "x"}).Do().Status(404)
	c.POST("/in/x").JSON(geist.Map{"name": 7}).Do().Status(422)
	c.POST("/in/1").BodyString(`{"name":`).Header("Content-Type", "application/json").Do().Status(400)
	c.POST("/in/1").BodyString("x").Do().Status(415)
	c.POST("/in/1").Header("Accept", "text/html").JSON(geist.Map{"name": "x"}).Do().Status(406)
	c.GET("/none").Do().Status(200)
	if got := found.take(); len(got) > 0 {
		t.Errorf("found %q, want nothing", got)
	}
}

func TestChecker_streamsAndConnections(t *testing.T) {
	type tick struct {
		N int `json:"n"`
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.SSE("/ticks", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			for _, e := range []geist.Event{{Name: "tick", Data: []byte(`{"n":1}`)}, {Name: "tick", Data: []byte(`{"n":"x"}`)}, {Name: "tock", Data: []byte(`1`)}, {Name: geist.GapEvent, Data: []byte(`x`)}} {
				if err := s.Send(e); err != nil {
					return err
				}
			}
			return nil
		})
	}, geist.Emits[tick]("tick"))
	app.SSE("/free", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("x")}) })
	})
	geist.WS(app, "/echo/:id", func(_ *geist.Ctx, ch *geist.Channel[tick, tick]) error {
		for m, err := range ch.All() {
			if err != nil {
				return ch.Conn.Write(geist.TextMessage, []byte(`{"m":1}`))
			}
			if err := ch.Write(m); err != nil {
				return err
			}
		}
		return nil
	})
	c, found := checked(t, app, config())
	want := func(want ...string) {
		t.Helper()
		got := found.take()
		if len(got) != len(want) {
			t.Fatalf("found %q, want %q", got, want)
		}
		for i := range got {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("found %q, want %q", got[i], want[i])
			}
		}
	}
	wrong := []string{`GET /ticks: the event "tick": #/n: is string, must be integer`, `the event "tock" is not described`}
	feed := c.SSE("/ticks")
	feed.Next()
	want()
	feed.Next()
	feed.Next()
	feed.Next()
	want(wrong...)
	c.GET("/ticks").Do()
	if got := found.take(); len(got) != 2 || !strings.Contains(got[0], `the event "tick": #/n`) {
		t.Errorf("found %q in a whole stream, want %q", got, wrong)
	}
	c.SSE("/free").Next()
	ws := c.WS("/echo/1")
	ws.Send(`{"n":1}`)
	ws.Next()
	want()
	ws.Send(`{"n":"x"}`)
	ws.Next()
	want("GET /echo/:id: the client's message: #/n: is string", "the server's message: #/n: is missing", "#/m: is not described")
	c.GET("/echo/1").Do().Status(426)
	c.GET("/echo/1").Unchecked().WS().Send(`{"n":"x"}`).Next()
	want()
}

// Several goroutines may be checked by one.
func TestChecker_concurrentUse(t *testing.T) {
	app := geist.New()
	geist.Get(app, "/a", func(*geist.Ctx, *geist.None) (animal, error) { return animal{}, nil })
	c, found := checked(t, app, config())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				_, _ = c.GET("/a").DoErr()
			}
		})
	}
	all.Wait()
	if got := found.take(); len(got) > 0 {
		t.Errorf("found %q", got)
	}
}

func TestNewChecker_problems(t *testing.T) {
	app := geist.New()
	app.GET("/a", none).Name("x")
	app.GET("/b", none).Name("x1")
	if _, err := swagger.NewChecker(app, swagger.Config{}); err == nil || !strings.Contains(err.Error(), "Config.Title") {
		t.Errorf("NewChecker = %v, want the problems of the configuration", err)
	}
}
