// The program calls a service by the client that oapi-codegen has made of its document. Each
// call is made by name, so that one program serves every document.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"clients/sdk"
)

// call is a call as the test has it.
type call struct {
	Op                string
	Order             []string // of the parameters of the path
	Path              map[string]json.RawMessage
	Query, Header     map[string]json.RawMessage
	Cookie            map[string]json.RawMessage
	Body              json.RawMessage
	ContentType, Text string
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(base, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var calls []call
	if err := json.Unmarshal(text, &calls); err != nil {
		return err
	}
	var key string // of the call that is made; the document has it as a scheme, not as a parameter
	withKey := func(_ context.Context, r *http.Request) error {
		if key != "" {
			r.Header.Set("Authorization", key)
		}
		return nil
	}
	client, err := sdk.NewClientWithResponses(base, sdk.WithHTTPClient(&http.Client{Timeout: 20 * time.Second}), sdk.WithRequestEditorFn(withKey))
	if err != nil {
		return err
	}
	for i := range calls {
		key = ""
		if text, ok := calls[i].Header["Authorization"]; ok {
			if err := json.Unmarshal(text, &key); err != nil {
				return err
			}
		}
		if err := calls[i].do(reflect.ValueOf(client)); err != nil {
			return fmt.Errorf("%s: %w", calls[i].Op, err)
		}
	}
	return nil
}

// do makes the call, and requires that an answer in JSON has been decoded.
func (c *call) do(client reflect.Value) error {
	name := strings.ToUpper(c.Op[:1]) + c.Op[1:]
	if c.ContentType != "" {
		name += "WithBody"
	}
	method := client.MethodByName(name + "WithResponse")
	if !method.IsValid() {
		return fmt.Errorf("the client has no method %s", name)
	}
	args, err := c.args(method.Type())
	if err != nil {
		return err
	}
	out := method.Call(args)
	if err, failed := out[1].Interface().(error); failed {
		return err
	}
	answer := out[0].Elem()
	res := answer.FieldByName("HTTPResponse").Interface().(*http.Response)
	decoded := answer.FieldByName(fmt.Sprintf("JSON%d", res.StatusCode))
	if decoded.IsValid() && decoded.IsNil() && res.Header.Get("Content-Type") == "application/json" {
		return fmt.Errorf("the answer of status %d was not decoded", res.StatusCode)
	}
	return nil
}

// args are those of a method of the client: a context, the parameters of the path, a struct
// of the others, and the body, with its type before it if it is text.
func (c *call) args(method reflect.Type) ([]reflect.Value, error) {
	args := []reflect.Value{reflect.ValueOf(context.Background())}
	take := func(v any) error {
		t := method.In(len(args))
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		p := reflect.New(t)
		args = append(args, p.Elem())
		return json.Unmarshal(text, p.Interface())
	}
	for _, name := range c.Order {
		if err := take(c.Path[name]); err != nil {
			return nil, err
		}
	}
	last := method.NumIn() - 1 // the editors of requests
	if len(args) < last && strings.HasSuffix(method.In(len(args)).String(), "Params") {
		all := map[string]json.RawMessage{}
		for _, some := range []map[string]json.RawMessage{c.Query, c.Header, c.Cookie} {
			maps.Copy(all, some)
		}
		if err := take(all); err != nil {
			return nil, err
		}
	}
	switch {
	case c.ContentType != "":
		args = append(args, reflect.ValueOf(c.ContentType), reflect.ValueOf(strings.NewReader(c.Text)))
	case len(args) < last:
		return args, take(c.Body)
	}
	return args, nil
}
