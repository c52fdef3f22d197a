//go:build race || geistdebug

package geist

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestCtx_deadPanics calls every method of a Ctx whose request has ended.
func TestCtx_deadPanics(t *testing.T) {
	app := New()
	var dead *Ctx
	app.GET("/users/:id", func(c *Ctx) error {
		dead = c
		return nil
	})
	app.Handler()(request("GET", "/users/7"))
	v := reflect.ValueOf(dead)
	for i := range v.NumMethod() {
		name := v.Type().Method(i).Name
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, "GET /users/:id") {
					t.Fatalf("%s on a dead Ctx: got panic %q, want one that names the route", name, s)
				}
			}()
			m := v.Method(i)
			args := make([]reflect.Value, m.Type().NumIn())
			for j := range args {
				args[j] = reflect.Zero(m.Type().In(j))
			}
			if m.Type().IsVariadic() {
				args = args[:len(args)-1]
			}
			m.Call(args)
		})
	}
}

// TestCtx_deadBodyIsOverwritten keeps what Body has lent.
func TestCtx_deadBodyIsOverwritten(t *testing.T) {
	app := New()
	var body []byte
	app.POST("/", func(c *Ctx) error {
		body = c.Body()
		return nil
	})
	rc := request("POST", "/")
	rc.Request.SetBodyString("secret")
	app.Handler()(rc)
	if want := bytes.Repeat([]byte{poisonByte}, len("secret")); !bytes.Equal(body, want) {
		t.Fatalf("borrowed body after the request: got %q, want it overwritten", body)
	}
}
