package judge

import (
	"encoding/json"
	"mime/multipart"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/validate"
)

// The types of the torture service: what schemas find hard.
type (
	Colour string

	Money struct {
		units int64
	}

	Address struct {
		_      struct{} `doc:"Where somebody lives." example:"{\"street\":\"Main St\",\"city\":\"Bern\"}"`
		Street string   `json:"street" validate:"required,max=100" doc:"With the number."`
		City   string   `json:"city,omitempty" example:"Bern"`
	}

	audit struct {
		Created time.Time  `json:"created" readOnly:"true"`
		Changed *time.Time `json:"changed,omitempty" readOnly:"true" deprecated:"true"`
	}

	User struct {
		audit
		ID       int64             `json:"id,string" readOnly:"true"`
		Name     string            `json:"name" validate:"required,min=2,max=50" example:"Ann"`
		Mail     string            `json:"mail" validate:"required,email"`
		Age      uint8             `json:"age,omitempty" validate:"omitempty,min=18"`
		Home     *Address          `json:"home"`
		Others   []Address         `json:"others" validate:"max=3,dive"`
		Labels   map[string]string `json:"labels,omitempty" validate:"dive,keys,alphanum,endkeys,max=20"`
		Colour   Colour            `json:"colour"`
		Balance  Money             `json:"balance" doc:"What is left."`
		Friends  []*User           `json:"friends,omitempty" validate:"dive"`
		Avatar   []byte            `json:"avatar,omitempty"`
		Settings json.RawMessage   `json:"settings,omitempty"`
		Password string            `json:"password,omitempty" writeOnly:"true" validate:"omitempty,min=12"`
		Score    *float64          `json:"score" validate:"omitempty,gte=0,lt=100"`
	}

	Page[T any] struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
	}

	Circle struct {
		Kind   string  `json:"kind"`
		Radius float64 `json:"radius"`
	}

	Square struct {
		Kind string  `json:"kind"`
		Side float64 `json:"side"`
	}

	Shape struct{ value any }

	Listing struct {
		Page   int       `query:"page" json:"-" default:"1" validate:"min=1" doc:"Counted from 1."`
		Sort   string    `query:"sort" validate:"omitempty,oneof=name created"`
		Tags   []string  `query:"tag"`
		IDs    []int     `query:"ids,comma"`
		Since  time.Time `query:"since" layout:"2006-01-02"`
		Trace  string    `header:"X-Trace" deprecated:"true"`
		Sess   string    `cookie:"sid"`
		Filter struct {
			Colour Colour `query:"colour"`
		} `query:"filter"`
	}

	ByID struct {
		ID int64 `path:"id" json:"-" doc:"The user's number." example:"7"`
	}

	NewUser struct {
		Org string `path:"org" json:"-"`
		Dry bool   `query:"dry" json:"-"`
		User
	}

	ChangeUser struct {
		ByID
		Name geist.Opt[string]  `json:"name" validate:"omitempty,min=2"`
		Home geist.Opt[Address] `json:"home"`
	}

	Login struct {
		Name   string   `form:"name" validate:"required"`
		Scopes []string `form:"scope,comma"`
	}

	Upload struct {
		ID    string                  `path:"id"`
		Title string                  `form:"title" binding:"required"`
		Photo *multipart.FileHeader   `form:"photo" doc:"A picture."`
		More  []*multipart.FileHeader `form:"more"`
	}

	Tick struct {
		At    time.Time `json:"at"`
		Price Money     `json:"price"`
	}

	ChatIn struct {
		Text string `json:"text" validate:"required,max=1000"`
	}

	ChatOut struct {
		From string `json:"from"`
		Text string `json:"text"`
	}

	Join struct {
		Room  string `path:"room" json:"-"`
		Token string `query:"token" json:"-" binding:"required"`
	}
)

func (Colour) Enum() []Colour { return []Colour{"red", "green"} }

func (Money) JSONSchema() string { return `{"type":"string","pattern":"^-?[0-9]+$"}` }

func (m Money) MarshalText() ([]byte, error) { return json.Marshal(m.units) }

func (m *Money) UnmarshalText(text []byte) error { return json.Unmarshal(text, &m.units) }

func (s Shape) MarshalJSON() ([]byte, error) { return json.Marshal(s.value) }

func (s *Shape) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &s.value) }

// torture is a service with everything that documents find hard.
func torture(tb testing.TB) (*geist.Engine, swagger.Config) {
	tb.Helper()
	app := geist.New(geist.Config{Validator: validate.New()})
	none := func(c *geist.Ctx) error { return c.NoContent() }
	silent := func(_ *geist.Ctx, s *geist.Stream) error { return s.Run(func() error { return nil }) }
	bearer := geist.SecurityScheme{Name: "bearer", Type: "http", Scheme: "bearer", BearerFormat: "JWT"}
	key := geist.SecurityScheme{Name: "key", Type: "apiKey", In: "header", Key: "X-Key", Description: "A key of the service."}
	oauth := geist.SecurityScheme{Name: "oauth", Type: "oauth2", URL: "https://id.geist.test/authorize", TokenURL: "https://id.geist.test/token", Scopes: map[string]string{"write": "Change things.", "read": "Look."}}

	app.GET("/", none)
	app.Any("/echo", none)
	geist.Get(app, "/health", func(*geist.Ctx, *geist.None) (geist.None, error) { return geist.None{}, nil }, geist.Tags("ops"))
	api := app.Group("/api/v1")
	api.Doc(geist.Tags("users"))
	geist.Get(api, "/users", func(*geist.Ctx, *Listing) (*Page[User], error) { return &Page[User]{}, nil },
		geist.Summary("List users"), geist.Description("All of them, in pages."))
	geist.Post(api, "/orgs/:org/users", func(_ *geist.Ctx, in *NewUser) (*User, error) { return &in.User, nil },
		geist.Status(201), geist.Returns[geist.Problem](409, "There is one of that name."), geist.Security(bearer), geist.Security(key)).Name("createUser")
	geist.Get(api, "/users/:id<int>", func(*geist.Ctx, *ByID) (*User, error) { return &User{Colour: "red"}, nil })
	geist.Patch(api, "/users/:id<int>", func(*geist.Ctx, *ChangeUser) (*User, error) { return &User{Colour: "red"}, nil },
		geist.Returns[geist.None](204), geist.Returns[Page[User]](202), geist.Returns[[]User](202), geist.Security(oauth, "write"))
	api.DELETE("/users/:user<int>", none).Doc(geist.Deprecated(), geist.Returns[geist.None](204))
	geist.Post(api, "/users/:id/photo", func(*geist.Ctx, *Upload) (geist.None, error) { return geist.None{}, nil })
	geist.Post(api, "/login", func(*geist.Ctx, *Login) (map[string]string, error) { return nil, nil })
	geist.Get(api, "/shapes", func(*geist.Ctx, *geist.None) ([]Shape, error) { return nil, nil }, geist.Tags("shapes"))
	api.POST("/shapes", func(c *geist.Ctx) error { return c.JSON(201, Circle{"circle", 2}) }).Doc(geist.Body[Shape](), geist.Returns[Shape](201), geist.Tags("shapes"))
	api.GET("/files/:name.:ext", none)
	api.GET("/range/:from<min(1)>-:to<max(9)>", none)
	api.GET("/rx/:code<regex([a-z>()]{2,3});len(2,3)>/:u<uuid>/:day?", none)
	api.GET("/rest/*path", none)
	app.GET("/secret", none).Doc(geist.Hidden())
	app.Handle("PURGE", "/cache", none)
	app.Host("{tenant}.geist.test").GET("/home", none)
	app.SSE("/events", silent, geist.Emits[Tick]("tick"), geist.Emits[ChatOut]("chat"), geist.Summary("Prices and talk"))
	app.SSE("/one", silent, geist.Emits[Tick]("tick"))
	app.SSE("/raw", silent)
	app.WS("/ws/:room", func(*geist.Ctx, *geist.Conn) error { return nil }, geist.Body[Join](), geist.Emits[ChatOut](""), geist.Security(bearer), geist.Security(key), geist.Tags("chat"))
	geist.WS(app, "/talk", func(*geist.Ctx, *geist.Channel[ChatIn, ChatOut]) error { return nil }, geist.Summary("Talk"), geist.Description("Anybody with anybody."))
	app.Rooms("/rt", hub.New(hub.Config{}), func(*geist.Ctx) (hub.Policy, error) { return hub.Policy{}, nil }, geist.Summary("Rooms of all sorts"))
	app.WS("/sock", func(*geist.Ctx, *geist.Conn) error { return nil })

	return app, swagger.Config{
		Title: "Torture", Version: "1.2.3", Description: "Everything that is hard.", TermsOfService: "https://geist.test/terms",
		Contact: swagger.Contact{Name: "The makers", URL: "https://geist.test", Email: "makers@geist.test"},
		License: swagger.License{Name: "MIT", URL: "https://opensource.org/license/mit"},
		Servers: []swagger.Server{{Name: "live", URL: "https://api.geist.test", Description: "What users see."}},
		Tags:    []swagger.Tag{{Name: "users", Description: "People: who they are."}},
		Types: []swagger.Type{
			swagger.OneOf[Shape]("kind", swagger.As[Circle]("circle"), swagger.As[Square]("square")),
		},
		Webhooks: []swagger.Webhook{swagger.Hook[User]("user-created", "There is a new user")},
	}
}
