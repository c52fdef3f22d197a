package geist_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

func TestCtx_accessors(t *testing.T) {
	app := geist.New()
	var got map[string]string
	app.Any("/users/:id/*rest", func(c *geist.Ctx) error {
		got = map[string]string{
			"Method": c.Method(), "Path": c.Path(), "Pattern": c.Pattern(), "Host": c.Host(), "Scheme": c.Scheme(),
			"ClientIP": c.ClientIP(), "id": c.Param("id"), "rest": c.Param("rest"), "none": c.Param("none"), "ID": c.Param("ID"),
			"q": c.Query("q"), "no query": c.Query("none"), "header": c.Header("x-a"), "no header": c.Header("X-B"),
			"cookie": c.Cookie("sid"), "no cookie": c.Cookie("none"), "body": string(c.Body()),
		}
		return nil
	})
	c := geisttest.New(t, app)
	c.PATCH("/users/a%20b/c/d%2Fe?q=1&q=2").Host("Example.com:8080").Header("X-A", "first").Header("X-A", "second").
		Cookie("sid", "s=1; other=2").BodyString("body").Do().Status(200)
	for name, want := range map[string]string{
		"Method": "PATCH", "Path": "/users/a b/c/d%2Fe", "Pattern": "/users/:id/*rest", "Host": "Example.com:8080", "Scheme": "http",
		"ClientIP": "192.0.2.1", "id": "a b", "rest": "c/d/e", "none": "", "ID": "", "q": "1", "no query": "", "header": "first",
		"no header": "", "cookie": "s=1", "no cookie": "", "body": "body",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestCtx_stringsStayValid(t *testing.T) {
	app := geist.New()
	var kept []string
	app.GET("/:id", func(c *geist.Ctx) error {
		kept = append(kept, c.Param("id"), c.Query("q"), c.Header("X-A"), c.Host(), c.Path(), c.Cookie("k"))
		return nil
	})
	c := geisttest.New(t, app)
	for i := range 200 {
		c.GET(fmt.Sprintf("/id%d?q=%%71%d", i, i)).Header("X-A", fmt.Sprint("a", i)).Host(fmt.Sprint("h", i)).Cookie("k", fmt.Sprint("k", i)).Do().Status(200)
	}
	for i := range 200 {
		want := []string{fmt.Sprint("id", i), fmt.Sprint("q", i), fmt.Sprint("a", i), fmt.Sprint("h", i), fmt.Sprint("/id", i), fmt.Sprint("k", i)}
		for j, w := range want {
			if got := kept[i*len(want)+j]; got != w {
				t.Fatalf("string %d of request %d = %q, want %q", j, i, got, w)
			}
		}
	}
}

func TestCtx_query(t *testing.T) {
	for _, test := range []struct {
		query string
		name  string
		want  []string
	}{
		{"", "q", nil},
		{"q", "q", []string{""}},
		{"q=", "q", []string{""}},
		{"=x", "", []string{"x"}},
		{"q=1", "q", []string{"1"}},
		{"q=1&q=2&p=3", "q", []string{"1", "2"}},
		{"p=3&q=2", "q", []string{"2"}},
		{"qq=1&q=2", "q", []string{"2"}},
		{"q=a=b", "q", []string{"a=b"}},
		{"q=a+b%20c%2B", "q", []string{"a b c+"}},
		{"q=%C3%A9%c3%a9", "q", []string{"éé"}},
		{"q=%00", "q", []string{"\x00"}},
		{"q=%", "q", []string{"%"}},
		{"q=%2", "q", []string{"%2"}},
		{"q=%zz%41", "q", []string{"%zzA"}},
		{"q=%26a%3D", "q", []string{"&a="}},
		{"%71=1", "q", []string{"1"}},
		{"a+b=1", "a b", []string{"1"}},
		{"a%20b=1", "a b", []string{"1"}},
		{"a%2Bb=1", "a+b", []string{"1"}},
		{"a+b=1", "a+b", nil},
		{"&&q=1&&", "q", []string{"1"}},
		{"tag[]=1&tag%5B%5D=2", "tag[]", []string{"1", "2"}},
		{"q=1;p=2", "q", []string{"1;p=2"}},
		{"q=?&p=?", "p", []string{"?"}},
		{"Q=1", "q", nil},
		{"q=1#", "q", nil},
	} {
		t.Run(test.query+" "+test.name, func(t *testing.T) {
			app := geist.New()
			var one string
			var all []string
			app.GET("/", func(c *geist.Ctx) error { one, all = c.Query(test.name), c.QueryAll(test.name); return nil })
			resp := geisttest.New(t, app).GET("/?" + test.query).Do()
			if strings.Contains(test.query, "#") {
				resp.Status(400)
				return
			}
			resp.Status(200)
			first := ""
			if len(test.want) > 0 {
				first = test.want[0]
			}
			if one != first || fmt.Sprintf("%q", all) != fmt.Sprintf("%q", test.want) {
				t.Errorf("Query = %q, QueryAll = %q, want %q", one, all, test.want)
			}
		})
	}
}

func TestConfig_maxFields(t *testing.T) {
	app := geist.New(geist.Config{MaxFields: 3})
	app.GET("/", func(c *geist.Ctx) error { return nil })
	c := geisttest.New(t, app)
	c.GET("/?a=1&b=2&c=3").Do().Status(200)
	c.GET("/?a=1&b=2&c=3&d=4").Do().Status(400)
}

func TestCtx_headerOnce(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		value, ok := c.HeaderOnce("Authorization")
		return c.Text(200, fmt.Sprintf("%q %t", value, ok))
	})
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		sent []string
		want string
	}{
		{nil, `"" true`}, {[]string{""}, `"" true`}, {[]string{"a"}, `"a" true`},
		{[]string{"a", "b"}, `"" false`}, {[]string{"a", "a"}, `"" false`}, {[]string{"a", ""}, `"" false`},
	} {
		r := client.GET("/")
		for i, value := range tt.sent {
			r.Header([]string{"authorization", "AUTHORIZATION"}[i], value)
		}
		if got := r.Do().Status(200).Text(); got != tt.want {
			t.Errorf("%q: HeaderOnce = %s, want %s", tt.sent, got, tt.want)
		}
	}
}

func TestCtx_cookieOfRequest(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{"a=1", "1"}, {"b=2; a=1", "1"}, {"a=1; a=2", "1"}, {"aa=2; a=1", "1"}, {"b=2", ""}, {"a=", ""},
		{"a=b=c", "b=c"}, {"a=%20", "%20"}, {"A=1", ""},
	} {
		app := geist.New()
		app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Cookie("a")) })
		geisttest.New(t, app).GET("/").Header("Cookie", test.header).Do().Status(200).BodyIs(test.want)
	}
}

func TestCtx_params(t *testing.T) {
	app := geist.New()
	h := func(c *geist.Ctx) error {
		return c.Text(200, fmt.Sprintf("%s|%s|%s|%s", c.Pattern(), c.Param("a"), c.Param("b"), c.Param("rest")))
	}
	for _, p := range []string{"/one/:a", "/two/:a/:b", "/opt/:a?", "/file/:a.:b", "/range/:a-:b", "/int/:a<int>", "/int/:b", "/w/*rest", "/w/fixed"} {
		app.GET(p, h)
	}
	c := geisttest.New(t, app)
	for path, want := range map[string]string{
		"/one/x": "/one/:a|x||", "/one/%C3%A9": "/one/:a|é||", "/one/a%2Fb": "/one/:a|a/b||", "/one/a+b": "/one/:a|a+b||",
		"/one/%2525": "/one/:a|%25||", "/two/x/y": "/two/:a/:b|x|y|", "/opt": "/opt/:a?|||", "/opt/x": "/opt/:a?|x||",
		"/file/a.b.c": "/file/:a.:b|a|b.c|", "/range/1-2": "/range/:a-:b|1|2|", "/int/7": "/int/:a<int>|7||", "/int/x": "/int/:b||x|",
		"/int/%37": "/int/:a<int>|7||", "/w/a/b%2Fc%20d": "/w/*rest|||a/b/c d", "/w/fixed": "/w/fixed|||", "/w/fixed/": "/w/*rest|||fixed/",
		"/one/:a": "/one/:a|:a||",
	} {
		c.GET(path).Do().Status(200).BodyIs(want)
	}
	for _, path := range []string{"/one", "/two/x", "/w"} {
		c.GET(path).Do().Status(404)
	}
	for _, path := range []string{"/one/%", "/one/%zz", "/one/%00", "/one/%2", "/one/é"} {
		c.GET(path).Do().Status(400)
	}
}

// value turns what Param and Query return into text.
func value[T any](v T, err error) (string, error) { return fmt.Sprint(v), err }

// lower is a type with an UnmarshalText method.
type lower string

func (l *lower) UnmarshalText(b []byte) error {
	if strings.ToLower(string(b)) != string(b) {
		return errors.New("not lower case: " + string(b))
	}
	*l = lower(b)
	return nil
}

func TestParam_andQueryConvert(t *testing.T) {
	type conversion struct {
		param, query func(c *geist.Ctx) (string, error)
	}
	conversions := map[string]conversion{
		"string":  {func(c *geist.Ctx) (string, error) { return value(geist.Param[string](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[string](c, "v")) }},
		"bool":    {func(c *geist.Ctx) (string, error) { return value(geist.Param[bool](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[bool](c, "v")) }},
		"int":     {func(c *geist.Ctx) (string, error) { return value(geist.Param[int](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[int](c, "v")) }},
		"int8":    {func(c *geist.Ctx) (string, error) { return value(geist.Param[int8](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[int8](c, "v")) }},
		"int64":   {func(c *geist.Ctx) (string, error) { return value(geist.Param[int64](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[int64](c, "v")) }},
		"uint":    {func(c *geist.Ctx) (string, error) { return value(geist.Param[uint](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[uint](c, "v")) }},
		"uint16":  {func(c *geist.Ctx) (string, error) { return value(geist.Param[uint16](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[uint16](c, "v")) }},
		"float32": {func(c *geist.Ctx) (string, error) { return value(geist.Param[float32](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[float32](c, "v")) }},
		"float64": {func(c *geist.Ctx) (string, error) { return value(geist.Param[float64](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[float64](c, "v")) }},
		"dur":     {func(c *geist.Ctx) (string, error) { return value(geist.Param[time.Duration](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[time.Duration](c, "v")) }},
		"time":    {func(c *geist.Ctx) (string, error) { return value(geist.Param[time.Time](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[time.Time](c, "v")) }},
		"addr":    {func(c *geist.Ctx) (string, error) { return value(geist.Param[netip.Addr](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[netip.Addr](c, "v")) }},
		"lower":   {func(c *geist.Ctx) (string, error) { return value(geist.Param[lower](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[lower](c, "v")) }},
		"map":     {func(c *geist.Ctx) (string, error) { return value(geist.Param[map[string]int](c, "v")) }, func(c *geist.Ctx) (string, error) { return value(geist.Query[map[string]int](c, "v")) }},
	}
	app := geist.New(geist.Config{Logger: discard()})
	for name, conv := range conversions {
		answer := func(f func(*geist.Ctx) (string, error)) geist.Handler {
			return func(c *geist.Ctx) error {
				s, err := f(c)
				if err != nil {
					return err
				}
				return c.Text(200, s)
			}
		}
		app.GET("/"+name+"/:v", answer(conv.param))
		app.GET("/"+name, answer(conv.query))
	}
	c := geisttest.New(t, app)
	for _, test := range []struct{ typ, in, want string }{ // want "" is status 400
		{"string", "x", "x"}, {"string", "a%20b", "a b"},
		{"bool", "true", "true"}, {"bool", "0", "false"}, {"bool", "yes", ""},
		{"int", "7", "7"}, {"int", "-7", "-7"}, {"int", "007", "7"}, {"int", "7.0", ""}, {"int", "0x7", ""}, {"int", "1_000", ""},
		{"int", "9223372036854775808", ""}, {"int", "seven", ""}, {"int", "%207", ""},
		{"int8", "127", "127"}, {"int8", "-128", "-128"}, {"int8", "128", ""}, {"int64", "-9223372036854775808", "-9223372036854775808"},
		{"uint", "7", "7"}, {"uint", "-1", ""}, {"uint16", "65535", "65535"}, {"uint16", "65536", ""},
		{"float64", "1.5", "1.5"}, {"float64", "-1e3", "-1000"}, {"float64", "1e999", ""}, {"float64", "x", ""}, {"float32", "1e39", ""}, {"float32", "0.5", "0.5"},
		{"dur", "1h30m", "1h30m0s"}, {"dur", "90", ""}, {"time", "2006-01-02T15:04:05Z", "2006-01-02 15:04:05 +0000 UTC"}, {"time", "2031-12-30", ""},
		{"addr", "192.0.2.1", "192.0.2.1"}, {"addr", "nope", ""}, {"lower", "abc", "abc"}, {"lower", "ABC", ""},
	} {
		for _, path := range []string{"/" + test.typ + "/" + test.in, "/" + test.typ + "?v=" + test.in} {
			if test.want != "" {
				c.GET(path).Do().Status(200).BodyIs(test.want)
				continue
			}
			resp := c.GET(path).Do().Status(400).BodyContains(`"v"`)
			if p := resp.Problem(); p.Detail == "" || len(test.in) > 2 && strings.Contains(resp.Text(), test.in) {
				t.Errorf("GET %s: %s, want a detail without the value", path, resp.Text())
			}
		}
	}
	c.GET("/int?v=").Do().Status(400)
	c.GET("/int").Do().Status(400).BodyContains(`"query":"v"`)
	c.GET("/string").Do().Status(400)
	c.GET("/string?v=").Do().Status(200).BodyIs("")
	c.GET("/map/x").Do().Status(500)
	c.GET("/map?v=x").Do().Status(500)
}

func TestQuery_fallback(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/q", func(c *geist.Ctx) error {
		v, err := geist.Query(c, "page", 3)
		if err != nil {
			return err
		}
		return c.Text(200, fmt.Sprint(v))
	})
	param := func(c *geist.Ctx) error {
		_, err := geist.Param[int](c, "id")
		return err
	}
	app.GET("/opt/:id?", param)
	app.GET("/other/:x", param)
	c := geisttest.New(t, app)
	c.GET("/q").Do().Status(200).BodyIs("3")
	c.GET("/q?page=4").Do().Status(200).BodyIs("4")
	c.GET("/q?page=x").Do().Status(400)
	c.GET("/q?page=").Do().Status(400)
	c.GET("/opt/7").Do().Status(200)
	c.GET("/opt").Do().Status(400).BodyContains(`"parameter":"id"`)
	c.GET("/other/7").Do().Status(500)
}

// forwarded is a row of the tables about trusted proxies.
type forwarded struct {
	name    string
	trusted []string
	remote  string
	header  [][2]string
	want    string
}

func (f *forwarded) run(t *testing.T, accessor func(c *geist.Ctx) string) {
	t.Run(f.name, func(t *testing.T) {
		app := geist.New(geist.Config{TrustedProxies: f.trusted, Logger: discard()})
		app.GET("/", func(c *geist.Ctx) error { return c.Text(200, accessor(c)) })
		req := geisttest.New(t, app).GET("/")
		if f.remote != "" {
			req.RemoteAddr(f.remote)
		}
		for _, h := range f.header {
			req.Header(h[0], h[1])
		}
		req.Do().Status(200).BodyIs(f.want)
	})
}

func TestCtx_clientIP(t *testing.T) {
	const xff = "X-Forwarded-For"
	for _, f := range []forwarded{
		{"direct", nil, "203.0.113.9", nil, "203.0.113.9"},
		{"nobody is trusted", nil, "203.0.113.9", [][2]string{{xff, "198.51.100.1"}}, "203.0.113.9"},
		{"untrusted peer", []string{"10.0.0.0/8"}, "203.0.113.9", [][2]string{{xff, "198.51.100.1"}}, "203.0.113.9"},
		{"trusted peer", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "198.51.100.1"}}, "198.51.100.1"},
		{"trusted peer without the header", []string{"10.0.0.0/8"}, "10.1.2.3", nil, "10.1.2.3"},
		{"the client lies", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "1.1.1.1, 198.51.100.1"}}, "198.51.100.1"},
		{"two trusted hops", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "1.1.1.1, 198.51.100.1, 10.9.9.9"}}, "198.51.100.1"},
		{"two fields", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "1.1.1.1"}, {xff, "198.51.100.1, 10.9.9.9"}}, "198.51.100.1"},
		{"all hops trusted", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "10.4.4.4"}}, "10.4.4.4"},
		{"garbage", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "unknown"}}, "10.1.2.3"},
		{"garbage behind a hop", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "1.1.1.1, x, 10.9.9.9"}}, "10.9.9.9"},
		{"empty", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, ""}}, "10.1.2.3"},
		{"trailing comma", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "198.51.100.1,"}}, "10.1.2.3"},
		{"with port", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xff, "198.51.100.1:4711"}}, "198.51.100.1"},
		{"IPv6", []string{"2001:db8::/32"}, "2001:db8::1", [][2]string{{xff, "2001:DB9::5"}}, "2001:db9::5"},
		{"IPv6 in brackets", []string{"2001:db8::/32"}, "2001:db8::1", [][2]string{{xff, "[2001:db9::5]"}}, "2001:db9::5"},
		{"IPv6 with port", []string{"2001:db8::/32"}, "2001:db8::1", [][2]string{{xff, "[2001:db9::5]:80"}}, "2001:db9::5"},
		{"mapped IPv4", []string{"10.0.0.0/8"}, "::ffff:10.1.2.3", [][2]string{{xff, "::ffff:198.51.100.1"}}, "198.51.100.1"},
		{"single address", []string{"10.1.2.3"}, "10.1.2.3", [][2]string{{xff, "198.51.100.1"}}, "198.51.100.1"},
		{"its neighbour", []string{"10.1.2.3"}, "10.1.2.4", [][2]string{{xff, "198.51.100.1"}}, "10.1.2.4"},
		{"unix, not trusted", nil, "unix", [][2]string{{xff, "198.51.100.1"}}, ""},
		{"unix, others trusted", []string{"0.0.0.0/0"}, "unix", [][2]string{{xff, "198.51.100.1"}}, ""},
		{"unix, trusted", []string{"unix"}, "unix", [][2]string{{xff, "198.51.100.1"}}, "198.51.100.1"},
		{"unix trusted, TCP peer", []string{"unix"}, "203.0.113.9", [][2]string{{xff, "198.51.100.1"}}, "203.0.113.9"},
		{"other headers are not believed", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{"X-Real-IP", "198.51.100.1"}, {"Forwarded", "for=198.51.100.1"}, {"True-Client-IP", "1.1.1.1"}}, "10.1.2.3"},
		{"zone", []string{"fe80::/10"}, "fe80::1", [][2]string{{xff, "fe80::2%eth0"}}, "fe80::2"},
	} {
		f.run(t, (*geist.Ctx).ClientIP)
		f.run(t, func(c *geist.Ctx) string {
			if addr := c.ClientAddr(); addr.IsValid() {
				return addr.String()
			}
			return ""
		})
	}
}

// Who has asked last is remembered, and is nobody else.
func TestCtx_clientIPIsThatOfThisRequest(t *testing.T) {
	app := geist.New(geist.Config{TrustedProxies: []string{"10.0.0.0/8"}})
	long := strings.Repeat("10.1.1.1, ", 9)
	app.GET("/", func(c *geist.Ctx) error { // one Ctx for all of them, as from a pool
		for _, step := range []struct{ peer, field, want string }{
			{"10.1.2.3", "198.51.100.1", "198.51.100.1"},
			{"10.1.2.3", "198.51.100.1", "198.51.100.1"},
			{"10.1.2.3", "198.51.100.2", "198.51.100.2"},
			{"203.0.113.9", "198.51.100.2", "203.0.113.9"},
			{"10.1.2.3", "unknown", "10.1.2.3"},
			{"10.1.2.4", "unknown", "10.1.2.4"},
			{"10.1.2.4", "", "10.1.2.4"},
			{"10.1.2.4", "198.51.100.1, " + long + "10.1.1.1", "198.51.100.1"},
			{"10.1.2.4", "198.51.100.2, " + long + "10.1.1.1", "198.51.100.2"},
		} {
			rc := c.RawHeader()
			rc.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(step.peer)})
			rc.Request.Header.Set("X-Forwarded-For", step.field)
			if got := c.ClientIP(); got != step.want {
				t.Errorf("%s with %q: got %q, want %q", step.peer, step.field, got, step.want)
			}
		}
		return nil
	})
	geisttest.New(t, app).GET("/").Do().Status(200)
}

func TestCtx_scheme(t *testing.T) {
	const xfp = "X-Forwarded-Proto"
	for _, f := range []forwarded{
		{"direct", nil, "", nil, "http"},
		{"nobody is trusted", nil, "10.1.2.3", [][2]string{{xfp, "https"}}, "http"},
		{"untrusted peer", []string{"10.0.0.0/8"}, "203.0.113.9", [][2]string{{xfp, "https"}}, "http"},
		{"trusted peer", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfp, "https"}}, "https"},
		{"garbage", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfp, "javascript"}}, "http"},
		{"list", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfp, "https,http"}}, "http"},
		{"client's field before the proxy's", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfp, "https"}, {xfp, "http"}}, "http"},
		{"unix", []string{"unix"}, "unix", [][2]string{{xfp, "https"}}, "https"},
	} {
		f.run(t, (*geist.Ctx).Scheme)
	}
}

func TestCtx_schemeOfTLS(t *testing.T) {
	app := geist.New(geist.Config{TrustedProxies: []string{"10.0.0.0/8"}})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Scheme()) })
	c := geisttest.New(t, app, geisttest.Config{TLS: true})
	c.GET("/").Do().BodyIs("https")
	c.GET("/").Header("X-Forwarded-Proto", "http").Do().BodyIs("https")
	c.GET("/").RemoteAddr("10.1.2.3").Header("X-Forwarded-Proto", "http").Do().BodyIs("http")
}

func TestCtx_host(t *testing.T) {
	const xfh = "X-Forwarded-Host"
	for _, f := range []forwarded{
		{"direct", nil, "", nil, "example.com"},
		{"nobody is trusted", nil, "10.1.2.3", [][2]string{{xfh, "evil.example"}}, "example.com"},
		{"untrusted peer", []string{"10.0.0.0/8"}, "203.0.113.9", [][2]string{{xfh, "evil.example"}}, "example.com"},
		{"trusted peer", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfh, "a.example:81"}}, "a.example:81"},
		{"invalid", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfh, "evil.example/x"}}, "example.com"},
		{"list", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfh, "evil.example, a.example"}}, "example.com"},
		{"empty", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfh, ""}}, "example.com"},
		{"client's field before the proxy's", []string{"10.0.0.0/8"}, "10.1.2.3", [][2]string{{xfh, "evil.example"}, {xfh, "a.example"}}, "example.com"},
	} {
		f.run(t, (*geist.Ctx).Host)
	}
}

func TestCtx_hostOfAbsoluteTarget(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Host()+" "+c.Path()) })
	c := geisttest.New(t, app)
	c.GET("http://other.example:81/").Do().Status(200).BodyIs("other.example:81 /")
	c.GET("http://user@other.example/").Do().Status(400)
	c.GET("ftp://other.example/").Do().Status(400)
	c.GET("http:///").Do().Status(400)
}

func TestCtx_invalidHosts(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Host()) })
	c := geisttest.New(t, app)
	for host, status := range map[string]int{
		"a.example": 200, "a.example:80": 200, "192.0.2.1": 200, "[2001:db8::1]": 200, "[2001:db8::1]:80": 200, "a_b": 200, "a.example.": 200,
		"a.example:99999": 400, "a.example:x": 400, "a b": 400, "a/b": 400, "user@a": 400, "a,b": 400, "é": 400, "[::1": 400, "a%41": 400, ":80": 400,
	} {
		c.GET("/").Do().Status(200) // a connection's last good host must vouch for nothing
		if resp := c.GET("/").Host(host).Do(); resp.StatusCode != status {
			t.Errorf("Host %q: status %d, want %d", host, resp.StatusCode, status)
		}
	}
	for _, raw := range []string{
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	} {
		conn := c.Dial()
		io.WriteString(conn, raw)
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 400 ") {
			t.Errorf("%q: answer %.60q, want 400", raw, b)
		}
	}
	conn := c.Dial()
	io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 200 ") && !strings.HasPrefix(string(b), "HTTP/1.0 200 ") {
		t.Errorf("HTTP/1.0 without Host: %.60q, want 200", b)
	}
}

func TestConfig_trustedProxiesAreChecked(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.0/33", "localhost", "10.0.0", "*", "UNIX"} {
		if err := geist.New(geist.Config{TrustedProxies: []string{bad}}).Check(); err == nil {
			t.Errorf("Check accepts the trusted proxy %q", bad)
		}
	}
}
