package peers

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	ginjson "github.com/gin-gonic/gin/codec/json"
	"github.com/go-playground/validator/v10"
	"github.com/goccy/go-json"

	"github.com/gogeist/geist/bench/tables"
)

// ginPeer: release mode and gin.New, which has neither the logger nor the
// recovery of gin.Default. go-json stands in for encoding/json, as the build tag
// go_json would do.
func ginPeer() Peer {
	return Peer{
		Name: "gin", Module: "github.com/gin-gonic/gin",
		Build: func(s Spec) (App, error) {
			gin.SetMode(gin.ReleaseMode)
			ginjson.API = ginCodec{}
			e := gin.New()
			e.HandleMethodNotAllowed = s.NotAllowed
			for range s.Middleware {
				e.Use(func(c *gin.Context) { c.Next() })
			}
			for _, r := range s.Table.Routes {
				e.Handle(r.Method, r.Pattern, ginHandler(s, r))
			}
			return App{HTTP: e}, nil
		},
		Plain: ginPlain, API: ginAPI,
	}
}

func ginHandler(s Spec, r tables.Route) gin.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(c *gin.Context) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = c.Param(name)
			}
			if answer {
				c.String(http.StatusOK, Body)
			}
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(c *gin.Context) { c.JSON(http.StatusOK, v) }
	case Wait:
		return func(c *gin.Context) { s.Wait(c.Request.Context()); c.String(http.StatusOK, Body) }
	default:
		return func(c *gin.Context) { c.String(http.StatusOK, Body) }
	}
}

// ginCodec is gin's own codec for the build tag go_json, spelled out.
type ginCodec struct{}

func (ginCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (ginCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
func (ginCodec) MarshalIndent(v any, prefix, indent string) ([]byte, error) {
	return json.MarshalIndent(v, prefix, indent)
}
func (ginCodec) NewEncoder(w io.Writer) ginjson.Encoder { return json.NewEncoder(w) }
func (ginCodec) NewDecoder(r io.Reader) ginjson.Decoder { return json.NewDecoder(r) }

func newGin() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	ginjson.API = ginCodec{}
	return gin.New()
}

func ginPlain() (App, error) {
	e, user, data := newGin(), newUser(583231), blob()
	e.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, Body) })
	e.GET("/users/:user", func(c *gin.Context) { c.String(http.StatusOK, c.Param("user")) })
	e.GET("/json", func(c *gin.Context) { c.JSON(http.StatusOK, user) })
	e.POST("/upload", func(c *gin.Context) {
		b, err := c.GetRawData()
		if err != nil {
			c.String(http.StatusBadRequest, "upload")
			return
		}
		c.String(http.StatusOK, strconv.Itoa(len(b)))
	})
	e.GET("/download", func(c *gin.Context) { c.Data(http.StatusOK, octets, data) })
	return App{HTTP: e}, nil
}

// ginAPI binds and validates by gin's own means. Its middlewares of gin-contrib are modules
// of their own; by hand they are less than those. gin.Recovery prints stacks, so that
// recovery is by gin.CustomRecoveryWithWriter.
func ginAPI() (App, error) {
	e := newGin()
	if err := e.SetTrustedProxies([]string{"127.0.0.1"}); err != nil {
		return App{}, err
	}
	e.Use(ginRequestID, ginCORS, ginSecure, gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) {
		ginTrouble(c, http.StatusInternalServerError)
	}))
	e.NoRoute(func(c *gin.Context) { ginTrouble(c, http.StatusNotFound) })
	e.GET(APIPrefix+"panic", func(*gin.Context) { panicking() })
	for _, name := range Resources() {
		path := APIPrefix + name
		e.GET(path, ginList)
		e.POST(path, ginCreate)
		e.GET(path+"/:id", ginShow)
		e.PUT(path+"/:id", ginUpdate)
		e.DELETE(path+"/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	}
	return App{HTTP: e}, nil
}

func ginTrouble(c *gin.Context, status int) { c.JSON(status, troubleOf(status)) }

func ginRequestID(c *gin.Context) {
	id := c.GetHeader(requestID)
	if id == "" {
		id = newRequestID()
	}
	c.Header(requestID, id)
}

func ginCORS(c *gin.Context) {
	c.Header("Vary", "Origin")
	if c.GetHeader("Origin") == Origin {
		c.Header("Access-Control-Allow-Origin", Origin)
	}
}

func ginSecure(c *gin.Context) {
	for _, h := range secureHeaders {
		c.Header(h[0], h[1])
	}
}

// ginQuery and ginInput are ListQuery and EntryInput in the tags of gin.
type ginQuery struct {
	Page  int    `form:"page" binding:"min=1,max=1000"`
	Limit int    `form:"limit" binding:"min=1,max=100"`
	Sort  string `form:"sort" binding:"oneof=name created"`
	Tag   string `form:"tag" binding:"max=20"`
}

type ginInput struct {
	Name     string   `json:"name" binding:"required,min=2,max=50"`
	Email    string   `json:"email" binding:"required,email"`
	Quantity int      `json:"quantity" binding:"gte=1,lte=1000"`
	Tags     []string `json:"tags" binding:"max=10,dive,max=20"`
}

type ginID struct {
	ID int `uri:"id"`
}

func ginList(c *gin.Context) {
	var q ginQuery
	if c.ShouldBindQuery(&q) != nil {
		ginTrouble(c, http.StatusUnprocessableEntity)
		return
	}
	c.JSON(http.StatusOK, (&ListQuery{q.Page, q.Limit, q.Sort, q.Tag}).page(c.ClientIP()))
}

func ginShow(c *gin.Context) {
	var at ginID
	if c.ShouldBindUri(&at) != nil {
		ginTrouble(c, http.StatusUnprocessableEntity)
		return
	}
	record := stored(at.ID, c.ClientIP())
	c.JSON(http.StatusOK, &record)
}

func ginCreate(c *gin.Context) {
	if in, ok := ginBody(c); ok {
		c.JSON(http.StatusCreated, in.record(newID, c.ClientIP()))
	}
}

func ginUpdate(c *gin.Context) {
	var at ginID
	if c.ShouldBindUri(&at) != nil {
		ginTrouble(c, http.StatusUnprocessableEntity)
		return
	}
	if in, ok := ginBody(c); ok {
		c.JSON(http.StatusOK, in.record(at.ID, c.ClientIP()))
	}
}

func ginBody(c *gin.Context) (*EntryInput, bool) {
	var in ginInput
	if err := c.ShouldBindJSON(&in); err != nil {
		status := http.StatusBadRequest
		if broken := (validator.ValidationErrors)(nil); errors.As(err, &broken) {
			status = http.StatusUnprocessableEntity
		}
		ginTrouble(c, status)
		return nil, false
	}
	return &EntryInput{in.Name, in.Email, in.Quantity, in.Tags}, true
}
