package swagger_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/swagger"
)

// document returns a document of app without white space.
func document(t *testing.T, app *geist.Engine, name string) string {
	t.Helper()
	text, err := swagger.Document(app, config(), name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), "")
}

// has requires that a document has all of the parts.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("the document lacks %s:\n%s", part, text)
		}
	}
}

func TestOperation_bytes(t *testing.T) {
	app := geist.New()
	app.PUT("/files/:name", none).Doc(geist.Consumes("application/x-ndjson", "application/json", "image/png"),
		geist.Produces(200, "image/png", "The picture."), geist.Produces(200, "text/csv"))
	has(t, document(t, app, swagger.OpenAPIJSON),
		`"requestBody":{"content":{"application/x-ndjson":{"schema":{"type":"string"}},"application/json":{"schema":{}},"image/png":{"schema":{"type":"string","format":"binary"}}},"required":true}`,
		`"200":{"description":"Thepicture.","content":{"image/png":{"schema":{"type":"string","format":"binary"}},"text/csv":{"schema":{"type":"string"}}}}`)
}

func TestOperation_rooms(t *testing.T) {
	h := hub.New(hub.Config{})
	t.Cleanup(func() { _ = h.Shutdown(context.Background()) })
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return hub.Policy{}, nil }, geist.Emits[int]("count"))
	has(t, document(t, app, swagger.OpenAPIJSON), `"operationId":"getRt"`, `"operationId":"postRt"`, `"101":{`, `"text/event-stream":{`, `"426":{`,
		`"name":"Geist-Stream","in":"header"`, `"202":{`, `"x-asyncapi-channel":"getRt"`)
	async := document(t, app, swagger.AsyncAPIJSON)
	has(t, async, `"address":"/rt"`, `"receiveGetRt":{"action":"receive"`, `"sendGetRt":{"action":"send"`, `"name":"count"`, `"bindings":{"ws":{"method":"GET"`)
	if strings.Contains(async, "PostRt") {
		t.Errorf("the POST of commands is a channel of its own:\n%s", async)
	}
}

// What is missing from a body is its default, which rules judge in place of nothing.
func TestOperation_defaultIsNotRequired(t *testing.T) {
	type job struct {
		Kind  string `json:"kind" default:"small" validate:"oneof=small large"`
		Place string `json:"place" validate:"required"`
	}
	app := geist.New()
	app.POST("/jobs", none).Doc(geist.Body[job]())
	has(t, document(t, app, swagger.OpenAPIJSON), `"default":"small"`, `"required":["place"]`)
}
