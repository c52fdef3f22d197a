package geist

import (
	"reflect"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// request returns a fasthttp context for one request, to call a handler directly.
func request(method, uri string) *fasthttp.RequestCtx {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.Header.SetProtocol("HTTP/1.1")
	req.SetRequestURI(uri)
	req.Header.SetHost("example.com")
	rc := new(fasthttp.RequestCtx)
	rc.Init(&req, nil, nil)
	return rc
}

func TestCtx_hasABudgetOfMethods(t *testing.T) {
	const most = 70 // DESIGN: new needs become functions or packages
	if n := reflect.TypeFor[*Ctx]().NumMethod(); n > most {
		t.Fatalf("Ctx has %d methods, the budget is %d", n, most)
	}
}

func TestCtx_keepStaysValid(t *testing.T) {
	app := New()
	c := newCtx(app)
	var kept []string
	buf := make([]byte, 0, 1024)
	for i := range 2000 {
		buf = buf[:0]
		for range i % 700 {
			buf = append(buf, byte('a'+i%26))
		}
		kept = append(kept, c.keep(buf))
		for j := range buf {
			buf[j] = '!'
		}
	}
	for i, s := range kept {
		if want := strings.Repeat(string(rune('a'+i%26)), i%700); s != want {
			t.Fatalf("string %d changed: got %.20q, want %.20q", i, s, want)
		}
	}
}

func TestCtx_unsafeStringsAreViews(t *testing.T) {
	c := newCtx(New(Config{UnsafeStrings: true}))
	b := []byte("abc")
	s := c.keep(b)
	b[0] = 'x'
	if s != "xbc" {
		t.Fatalf("keep copied under UnsafeStrings: got %q", s)
	}
}

func TestKey_isResetBetweenRequests(t *testing.T) {
	key := NewKey[string]("token")
	app := New()
	set := true
	var got string
	var found bool
	app.GET("/", func(c *Ctx) error {
		got, found = key.Get(c)
		if set {
			key.Set(c, "secret")
			c.SetLocal("name", "secret")
		}
		if !set && c.Local("name") != nil {
			t.Errorf("untyped local survived its request: %v", c.Local("name"))
		}
		return nil
	})
	h := app.Handler()
	for range 100 {
		set = true
		h(request("GET", "/"))
		set = false
		h(request("GET", "/"))
		if found || got != "" {
			t.Fatalf("local survived its request: %q", got)
		}
	}
}

func TestKey_mustNamesTheRoute(t *testing.T) {
	app := New()
	var message any
	app.GET("/me", func(c *Ctx) error {
		defer func() { message = recover() }()
		NewKey[int]("user").Must(c)
		return nil
	})
	app.Handler()(request("GET", "/me"))
	if s, _ := message.(string); !strings.Contains(s, `"user"`) || !strings.Contains(s, "/me") {
		t.Fatalf("panic message %v names neither key nor route", message)
	}
}
