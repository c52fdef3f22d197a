package validate_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"mime/multipart"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/validate"
)

// canary is what every bad value of TestTyped_badInput holds: no answer and no log may.
const canary = "c4n4ry"

type (
	badLine struct {
		SKU    string `json:"sku" validate:"required,max=8"`
		Amount uint8  `json:"amount" validate:"max=9"`
	}
	badInput struct {
		Tenant  string               `path:"tenant" validate:"omitempty,alpha"`
		Number  int32                `path:"number" json:"-"`
		Page    int                  `query:"page" validate:"max=100"`
		Sort    []string             `query:"sort,comma" validate:"dive,oneof=name age"`
		Role    string               `header:"X-Role" validate:"omitempty,oneof=user"`
		Session string               `cookie:"sid" validate:"max=9"`
		Name    string               `json:"name" validate:"required,max=20"`
		Email   string               `json:"email" validate:"omitempty,email"`
		Lines   []badLine            `json:"lines" validate:"max=20000,dive"`
		Attrs   map[string]int16     `json:"attrs" validate:"dive,max=9"`
		Ratio   float32              `json:"ratio"`
		Count   int64                `json:"count,string"`
		Maybe   geist.Opt[int8]      `json:"maybe" validate:"max=9"`
		Pay     anyPayment           `json:"pay"`
		ByKind  map[string]*badInput `json:"byKind" validate:"dive"`
	}
	badLoop struct {
		Tenant string   `path:"tenant" validate:"alpha"`
		Next   *badLoop `json:"next"`
	}
	badForm struct {
		Age  int                   `form:"age" validate:"max=99"`
		Mail string                `form:"mail" validate:"omitempty,email"`
		File *multipart.FileHeader `form:"file"`
	}
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Bad input of every kind gets the right status and all of its problems at once, up to the
// bound, as a problem document that tells nothing of what was sent nor of the program.
func TestTyped_badInput(t *testing.T) {
	var log lockedBuffer
	seen := badInput{}
	build := func(strict bool) *geist.Engine {
		app := geist.New(geist.Config{
			Validator: validate.New(), StrictJSON: strict, MaxBodyBytes: 1 << 20,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		geist.Post(app, "/t/:tenant/:number", func(_ *geist.Ctx, in *badInput) (geist.Map, error) {
			seen = *in
			return geist.Map{"ok": true}, nil
		})
		geist.Post(app, "/loop/:tenant", func(*geist.Ctx, *badLoop) (geist.None, error) { return geist.None{}, nil })
		geist.Post(app, "/form", func(*geist.Ctx, *badForm) (geist.None, error) { return geist.None{}, nil })
		return app
	}
	clients := map[bool]*geisttest.Client{false: geisttest.New(t, build(false)), true: geisttest.New(t, build(true))}
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for name, tt := range map[string]struct {
		strict                             bool
		target, kind, accept, role, cookie string
		body                               string
		status                             int
		at                                 []string // every place that is told, in any order; nil if none is
		atLeast                            int      // in place of at: how many places
	}{
		"wrong types": {body: `{"name":7,"email":true,"lines":{"c4n4ry":1},"attrs":["c4n4ry"],"ratio":"c4n4ry","count":"c4n4ry","maybe":"c4n4ry"}`, status: 422,
			at: []string{"#/name", "#/email", "#/lines", "#/attrs", "#/ratio", "#/count", "#/maybe"}},
		"out of range": {target: "/t/a/2147483648", body: `{"name":"a","lines":[{"sku":"a","amount":256},{"sku":"b","amount":-1}],"attrs":{"a":32768},"ratio":1e39,"count":"9223372036854775808","maybe":128}`, status: 422,
			at: []string{"path number", "#/lines/0/amount", "#/lines/1/amount", "#/attrs/a", "#/ratio", "#/count", "#/maybe"}},
		"rules everywhere": {target: "/t/c4n4ry1/7?page=101&sort=name,c4n4ry", role: canary, cookie: canary + canary, body: `{"email":"c4n4ry","lines":[{"sku":"c4n4ry-c4n4ry"},{"amount":10}],"attrs":{"a":10},"maybe":10,"pay":{"kind":"card","number":"c4n4ry"}}`, status: 422,
			at: []string{"path tenant", "query page", "query sort", "header X-Role", "cookie sid", "#/name", "#/email", "#/lines/0/sku", "#/lines/1/sku", "#/lines/1/amount", "#/attrs/a", "#/maybe", "#/pay/number"}},
		"missing":                {body: `{}`, status: 422, at: []string{"#/name"}},
		"null":                   {body: `{"name":null}`, status: 422, at: []string{"#/name"}},
		"an unknown variant":     {body: `{"name":"a","pay":{"kind":"c4n4ry"}}`, status: 422, at: []string{"#/pay/kind"}},
		"surplus":                {body: `{"name":"a","more":"c4n4ry","lines":[{"sku":"a","c":1}]}`, status: 200},
		"surplus, strict":        {strict: true, body: `{"name":"a","more":"c4n4ry","lines":[{"sku":"a","c":1}]}`, status: 422, at: []string{"#/more", "#/lines/0/c"}},
		"a duplicate":            {body: `{"name":"a","name":"c4n4ry"}`, status: 400, at: []string{"#/name"}},
		"an escaped duplicate":   {body: `{"name":"a","n\u0061me":"c4n4ry"}`, status: 400, at: []string{"#/name"}},
		"a duplicate within":     {body: `{"name":"a","lines":[{},{"sku":"a","sku":"c4n4ry"}]}`, status: 400, at: []string{"#/lines/1/sku"}},
		"no content type":        {kind: "-", body: `{"name":"c4n4ry"}`, status: 415},
		"text":                   {kind: "text/c4n4ry", body: `c4n4ry`, status: 415},
		"a form for JSON":        {kind: "application/x-www-form-urlencoded", body: `name=c4n4ry`, status: 415},
		"JSON for a form":        {target: "/form", body: `{"age":"c4n4ry"}`, status: 415},
		"unacceptable":           {accept: "text/c4n4ry", body: `{"name":"a"}`, status: 406},
		"truncated":              {body: `{"name":"c4n4ry`, status: 400},
		"truncated deep":         {body: `{"name":"c4n4ry","lines":[{"sku":"c4n4ry"`, status: 400},
		"no JSON":                {body: `c4n4ry`, status: 400},
		"text behind it":         {body: `{"name":"a"} c4n4ry`, status: 400},
		"no body":                {body: ``, status: 400},
		"a list":                 {body: `["c4n4ry"]`, status: 422, at: []string{"#"}},
		"too long":               {body: `{"name":"` + strings.Repeat(canary, 1<<18) + `"}`, status: 413},
		"too deep":               {body: `{"name":` + strings.Repeat(`[`, 600) + `"c4n4ry"` + strings.Repeat(`]`, 600) + `}`, status: 400},
		"10,000 violations":      {body: `{"name":"a","lines":[` + many(10_000, `{"sku":"c4n4ry-c4n4ry","amount":10}`) + `]}`, status: 422, atLeast: 100},
		"10,000 wrong types":     {body: `{"name":"a","lines":[` + many(10_000, `{"sku":7,"amount":"c4n4ry"}`) + `]}`, status: 422, atLeast: 100},
		"10,000 surplus":         {strict: true, body: `{"name":"a","lines":[` + many(10_000, `{"sku":"a","z":"c4n4ry"}`) + `]}`, status: 422, atLeast: 100},
		"no field of a document": {target: "/loop/a", body: `{"next":{}}`, status: 422, at: []string{"#/next"}},
		"a form":                 {target: "/form", kind: "application/x-www-form-urlencoded", body: `age=c4n4ry&mail=c4n4ry&file=c4n4ry`, status: 422, at: []string{"form age", "form mail", "form file"}},
		"a form cut off":         {target: "/form", kind: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=\"age\"\r\n\r\nc4n4ry", status: 400},
	} {
		if tt.target == "" {
			tt.target = "/t/abc/7"
		}
		if tt.kind == "" {
			tt.kind = "application/json"
		}
		r := clients[tt.strict].POST(tt.target).BodyString(tt.body)
		for field, value := range map[string]string{"Content-Type": strings.TrimPrefix(tt.kind, "-"), "Accept": tt.accept, "X-Role": tt.role} {
			if value != "" {
				r.Header(field, value)
			}
		}
		if tt.cookie != "" {
			r.Cookie("sid", tt.cookie)
		}
		a := r.Do()
		if a.StatusCode != tt.status {
			t.Errorf("%s: status = %d, want %d: %s", name, a.StatusCode, tt.status, a.Text())
		}
		if tt.status == 200 {
			continue
		}
		a.HasHeader("Content-Type", "application/problem+json")
		var problem struct {
			Status int                `json:"status"`
			Errors []geist.FieldError `json:"errors"`
		}
		a.JSON(&problem)
		var at []string
		for _, e := range problem.Errors {
			at = append(at, strings.TrimSpace(e.In+" "+e.Name+e.Pointer))
			if e.Detail == "" {
				t.Errorf("%s: %s has no detail", name, at[len(at)-1])
			}
		}
		slices.Sort(at)
		slices.Sort(tt.at)
		switch {
		case problem.Status != tt.status:
			t.Errorf("%s: the document says status %d, want %d", name, problem.Status, tt.status)
		case tt.atLeast > 0 && len(at) != tt.atLeast:
			t.Errorf("%s: %d places, want the bound, %d", name, len(at), tt.atLeast)
		case tt.atLeast == 0 && !slices.Equal(at, tt.at):
			t.Errorf("%s: places %q, want %q", name, at, tt.at)
		}
		for _, bad := range []string{canary, "validate", "badInput", "badLine", "badForm", "SKU", "Tenant", "Lines", "geist", "uint8", "int64", "float", "goroutine", "json:"} {
			if text := string(a.Head()) + a.Text(); strings.Contains(strings.ReplaceAll(text, "Server: geist", ""), bad) {
				t.Errorf("%s: the answer tells %q: %s", name, bad, text)
			}
		}
	}
	if text := log.String(); strings.Contains(text, canary) {
		t.Errorf("the log tells what was sent: %s", text)
	}
	for _, key := range []string{"Tenant", "tenant", "TENANT", `T\u0065nant`, "Number", "number", `\u006eumber`, "Page", "page", "Sort", "Role", "role", "X-Role", "Session", "sid", "ſession", "ſort"} {
		for _, value := range []string{`"evil"`, `666`, `["evil"]`, `null`} {
			body := `{"name":"a",` + strings.Repeat(" ", len(value)) + `"` + key + `":` + value + `,"byKind":{"a":{"name":"b","` + key + `":` + value + `}}}`
			seen = badInput{}
			clients[false].POST("/t/abc/7").Header("Content-Type", "application/json").BodyString(body).Do().Status(200)
			for _, in := range []badInput{seen, *seen.ByKind["a"]} {
				text, _ := json.Marshal([]any{in.Tenant, in.Number, in.Page, in.Sort, in.Role, in.Session})
				if got := string(text); got != `["abc",7,0,null,"",""]` && got != `["",0,0,null,"",""]` {
					t.Errorf("the key %q with %s set a parameter: %s", key, value, got)
				}
			}
		}
	}
}
