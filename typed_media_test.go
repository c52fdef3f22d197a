package geist_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// partialCodec is noteCodec, and says so.
type partialCodec struct{ noteCodec }

func (partialCodec) Supports(t reflect.Type) (encode, decode bool) {
	return t == reflect.TypeFor[*note](), false
}

// A codec that says what it has forms for is offered for nothing else: a 406 is known before
// the handler runs, and descriptions list what there is.
func TestTyped_partialCodec(t *testing.T) {
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{"application/x-text": partialCodec{}}})
	called := 0
	geist.Post(app, "/note", func(_ *geist.Ctx, in *note) (*note, error) { return in, nil })
	geist.Post(app, "/user", func(_ *geist.Ctx, in *user) (*user, error) {
		called++
		return in, nil
	})
	c := geisttest.New(t, app)
	send := func(path, accept string) *geisttest.Response {
		return c.POST(path).Header("Accept", accept).Header("Content-Type", "application/json").Body([]byte(`{"text":"hi"}`)).Do()
	}
	send("/note", "application/x-text").Status(200).HasHeader("Content-Type", "application/x-text").BodyContains("hi")
	send("/user", "application/x-text").Status(406)
	if called > 0 {
		t.Error("the handler was called, though there is no form of its answer that is acceptable")
	}
	c.POST("/note").Header("Content-Type", "application/x-text").Body([]byte("hi")).Do().Status(415)
	for _, info := range app.Routes() {
		got := fmt.Sprint(info.Body, info.Returns[0].ContentTypes)
		want := map[string]string{
			"/note": "[application/json application/xml] [application/json application/xml application/x-text]",
			"/user": "[application/json] [application/json]",
		}[info.Pattern]
		if got != want {
			t.Errorf("%s: media types: got %s, want %s", info.Pattern, got, want)
		}
	}
}

// What is bytes and no value is told as such, of plain routes and of typed ones.
func TestRouteInfo_bytes(t *testing.T) {
	type named struct {
		Name string `path:"name"`
	}
	app := geist.New()
	app.PUT("/plain", fine).Doc(geist.Consumes("image/png", "image/jpeg"), geist.Produces(200, "image/png", "The picture."), geist.Produces(206, "image/png"))
	geist.Put(app, "/typed/:name", nothing[named, geist.None], geist.Consumes("text/csv"))
	app.PUT("/bound/:name", fine).Doc(geist.Body[named](), geist.Consumes("text/csv"))
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
	for _, r := range app.Routes() {
		got := fmt.Sprint(r.Body, r.RawBody, r.BodyRequired, len(r.Fields), r.Returns, r.Problems)
		want := map[string]string{
			"/plain":       "[image/png image/jpeg] true true 0 [{200 <nil> [image/png] The picture.} {206 <nil> [image/png] }] []",
			"/typed/:name": "[text/csv] true true 1 [{204 <nil> [] }] [400 413 415]",
			"/bound/:name": "[text/csv] true true 1 [] []",
		}[r.Pattern]
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", r.Pattern, got, want)
		}
	}
}

func TestRouteOption_badMediaTypes(t *testing.T) {
	for want, option := range map[string]geist.RouteOption{
		`Consumes("png")`:                   geist.Consumes("image/png", "png"),
		`Consumes("text/CSV")`:              geist.Consumes("text/CSV"),
		`Produces("text/plain; charset=x")`: geist.Produces(200, "text/plain; charset=x"),
		"Produces(101)":                     geist.Produces(101, "text/plain"),
	} {
		app := geist.New()
		app.GET("/", fine).Doc(option)
		if err := app.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Check returns %v, want it named", want, err)
		}
	}
}

// A body is read once: by the handler, by the binder, or not at all.
func TestRouteOption_consumesInVain(t *testing.T) {
	for name, register := range map[string]func(*geist.Engine){
		"Consumes says that the handler reads the body": func(app *geist.Engine) {
			geist.Post(app, "/", nothing[note, geist.None], geist.Consumes("text/csv"))
		},
		"Consumes is for routes whose handlers read a body": func(app *geist.Engine) {
			app.SSE("/", func(*geist.Ctx, *geist.Stream) error { return nil }, geist.Consumes("text/csv"))
		},
	} {
		app := geist.New()
		register(app)
		if err := app.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Check returns %v, want it named", name, err)
		}
	}
}
