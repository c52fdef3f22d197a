package peers

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
	ginjson "github.com/gin-gonic/gin/codec/json"
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
