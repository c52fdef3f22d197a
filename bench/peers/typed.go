package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/mail"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/gin-gonic/gin"
	ginjson "github.com/gin-gonic/gin/codec/json"
	gojson "github.com/goccy/go-json"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/validate"
)

// Applications of the scene typed: a POST with a parameter of the path, one of the query and
// a JSON document answers 201 with what it has read. Those by hand are what one would
// write without a framework's binding.

// TypedRequest is the request of the scene typed.
const TypedRequest = "POST /orgs/acme/users?dry=true HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 84\r\n\r\n" +
	`{"name":"Ada Lovelace","email":"ada@example.com","age":36,"tags":["math","engines"]}`

// NewUser is what typed handlers take.
type NewUser struct {
	Org   string   `path:"org" json:"-"`
	Dry   bool     `query:"dry" json:"-"`
	Name  string   `json:"name"`
	Email string   `json:"email"`
	Age   int      `json:"age"`
	Tags  []string `json:"tags"`
}

// RuledUser is NewUser with rules, which TypedUser.valid checks by hand.
type RuledUser struct {
	Org   string   `path:"org" json:"-" uri:"org" validate:"alphanum" binding:"-"`
	Dry   bool     `query:"dry" json:"-"`
	Name  string   `json:"name" validate:"required,min=2,max=50"`
	Email string   `json:"email" validate:"required,email"`
	Age   int      `json:"age" validate:"gte=0,lte=150"`
	Tags  []string `json:"tags" validate:"max=10,dive,max=20"`
}

// TypedUser is what typed handlers answer with.
type TypedUser struct {
	Org   string   `json:"org"`
	Dry   bool     `json:"dry"`
	Name  string   `json:"name"`
	Email string   `json:"email"`
	Age   int      `json:"age"`
	Tags  []string `json:"tags"`
}

func (u *NewUser) answer() *TypedUser {
	return &TypedUser{u.Org, u.Dry, u.Name, u.Email, u.Age, u.Tags}
}

// valid checks by hand what the tags of RuledUser say.
func (u *NewUser) valid() bool {
	for _, tag := range u.Tags {
		if len(tag) > 20 {
			return false
		}
	}
	address, err := mail.ParseAddress(u.Email)
	return err == nil && address.Address == u.Email && len(u.Name) >= 2 && len(u.Name) <= 50 &&
		u.Age >= 0 && u.Age <= 150 && len(u.Tags) <= 10
}

// A TypedApp is a contender of the scene typed.
type TypedApp struct {
	// Peer and Variant are how it is called in the table.
	Peer, Variant string
	// Floor marks code without a framework's binding.
	Floor bool
	// App is the application.
	App App
}

// Typed returns the contenders of the scene typed, those by hand before those that they are
// compared with.
func Typed() []TypedApp {
	return []TypedApp{
		{"geist by hand", "", true, typedGeist(func(app *geist.Engine) { app.POST("/orgs/:org/users", geistByHand(false)) }, nil)},
		{"geist typed", "", false, typedGeist(func(app *geist.Engine) {
			geist.Post(app, "/orgs/:org/users", func(_ *geist.Ctx, in *NewUser) (*TypedUser, error) { return in.answer(), nil }, geist.Status(http.StatusCreated))
		}, nil)},
		{"geist by hand", "validated", true, typedGeist(func(app *geist.Engine) { app.POST("/orgs/:org/users", geistByHand(true)) }, nil)},
		{"geist typed", "validated", false, typedGeist(func(app *geist.Engine) {
			geist.Post(app, "/orgs/:org/users", func(_ *geist.Ctx, in *RuledUser) (*TypedUser, error) { return (*NewUser)(in).answer(), nil }, geist.Status(http.StatusCreated))
		}, validate.New())},
		{"fasthttp by hand", "", true, App{Fast: fastByHand}},
		{"net/http by hand", "", true, App{HTTP: httpByHand()}},
		{"gin", "validated", false, App{HTTP: ginTyped()}},
		{"huma", "validated", false, App{HTTP: humaTyped()}},
	}
}

func typedGeist(register func(*geist.Engine), v geist.Validator) App {
	app := geist.New(geist.Config{DisableBanner: true, Validator: v})
	register(app)
	return App{FastServer: app.Server()}
}

func geistByHand(check bool) geist.Handler {
	return func(c *geist.Ctx) error {
		if !strings.HasPrefix(c.Header("Content-Type"), "application/json") {
			return geist.NewError(http.StatusUnsupportedMediaType, "")
		}
		in := new(NewUser)
		if err := gojson.Unmarshal(c.Body(), in); err != nil {
			return geist.NewError(http.StatusBadRequest, "")
		}
		in.Org = c.Param("org")
		if dry := c.Query("dry"); dry != "" {
			var err error
			if in.Dry, err = strconv.ParseBool(dry); err != nil {
				return geist.NewError(http.StatusUnprocessableEntity, "")
			}
		}
		if check && !in.valid() {
			return geist.NewError(http.StatusUnprocessableEntity, "")
		}
		return c.JSON(http.StatusCreated, in.answer())
	}
}

// fastByHand has no router: it cuts the parameter out of the path.
func fastByHand(rc *fasthttp.RequestCtx) {
	in := new(NewUser)
	org, ok := strings.CutPrefix(string(rc.Path()), "/orgs/")
	org, ok2 := strings.CutSuffix(org, "/users")
	if !ok || !ok2 || !rc.IsPost() || !bytes.HasPrefix(rc.Request.Header.ContentType(), []byte("application/json")) || gojson.Unmarshal(rc.PostBody(), in) != nil {
		rc.SetStatusCode(http.StatusBadRequest)
		return
	}
	in.Org = org
	if dry := rc.QueryArgs().Peek("dry"); len(dry) > 0 {
		var err error
		if in.Dry, err = strconv.ParseBool(string(dry)); err != nil {
			rc.SetStatusCode(http.StatusUnprocessableEntity)
			return
		}
	}
	rc.SetStatusCode(http.StatusCreated)
	rc.SetContentType("application/json")
	_ = gojson.NewEncoder(rc).Encode(in.answer())
}

func httpByHand() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orgs/{org}/users", func(w http.ResponseWriter, r *http.Request) {
		in := new(NewUser)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
		if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || gojson.Unmarshal(body, in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		in.Org = r.PathValue("org")
		if dry := r.URL.Query().Get("dry"); dry != "" {
			if in.Dry, err = strconv.ParseBool(dry); err != nil {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = gojson.NewEncoder(w).Encode(in.answer())
	})
	return mux
}

// ginUser is RuledUser in the tags of gin, which reads a struct for each part of a request.
type ginUser struct {
	Name  string   `json:"name" binding:"required,min=2,max=50"`
	Email string   `json:"email" binding:"required,email"`
	Age   int      `json:"age" binding:"gte=0,lte=150"`
	Tags  []string `json:"tags" binding:"max=10,dive,max=20"`
}

func ginTyped() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	ginjson.API = ginCodec{}
	e := gin.New()
	e.POST("/orgs/:org/users", func(c *gin.Context) {
		var in ginUser
		var path struct {
			Org string `uri:"org" binding:"alphanum"`
		}
		var query struct {
			Dry bool `form:"dry"`
		}
		if c.ShouldBindUri(&path) != nil || c.ShouldBindQuery(&query) != nil || c.ShouldBindJSON(&in) != nil {
			c.Status(http.StatusUnprocessableEntity)
			return
		}
		c.JSON(http.StatusCreated, &TypedUser{path.Org, query.Dry, in.Name, in.Email, in.Age, in.Tags})
	})
	return e
}

// humaUser is RuledUser in the tags of huma, which has the document in a field Body.
type humaUser struct {
	Org  string `path:"org" pattern:"^[a-zA-Z0-9]+$"`
	Dry  bool   `query:"dry"`
	Body struct {
		Name  string   `json:"name" minLength:"2" maxLength:"50"`
		Email string   `json:"email" format:"email"`
		Age   int      `json:"age" minimum:"0" maximum:"150"`
		Tags  []string `json:"tags" maxItems:"10"`
	}
}

type humaAnswer struct{ Body *TypedUser }

// humaTyped: on the ServeMux, without the links to schemas that huma adds to its answers,
// and with go-json in place of encoding/json.
func humaTyped() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("bench", "1.0")
	config.CreateHooks = nil
	config.Formats = map[string]huma.Format{"application/json": {
		Marshal:   func(w io.Writer, v any) error { return gojson.NewEncoder(w).Encode(v) },
		Unmarshal: func(data []byte, v any) error { return gojson.Unmarshal(data, v) },
	}}
	api := humago.New(mux, config)
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/orgs/{org}/users", DefaultStatus: http.StatusCreated},
		func(_ context.Context, in *humaUser) (*humaAnswer, error) {
			b := &in.Body
			return &humaAnswer{&TypedUser{in.Org, in.Dry, b.Name, b.Email, b.Age, b.Tags}}, nil
		})
	return mux
}

// TypedAnswer checks the document that the scene typed is answered with.
func TypedAnswer(body []byte) bool {
	var got TypedUser
	return json.Unmarshal(body, &got) == nil && got.Org == "acme" && got.Dry && got.Name == "Ada Lovelace" &&
		got.Email == "ada@example.com" && got.Age == 36 && len(got.Tags) == 2
}
