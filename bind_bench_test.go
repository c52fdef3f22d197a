package geist

import (
	stdjson "encoding/json"
	"strconv"
	"strings"
	"testing"

	gojson "github.com/goccy/go-json"
)

type benchQuery struct {
	Q     string `query:"q"`
	Page  int    `query:"page"`
	Limit int    `query:"limit"`
	Sort  string `query:"sort"`
}

const (
	benchTarget = "/x?q=golang&page=2&limit=50&sort=name"
	benchBody   = `{"name":"Ada Lovelace","email":"ada@example.com","age":36}`
)

var benchSink any

// boundCtx returns a Ctx for a request, as a handler gets it.
func boundCtx(s sent) *Ctx {
	c := newCtx(New(Config{JSON: defaultCodec()}))
	c.rc = s.request()
	c.rc.URI()
	return c
}

// BenchmarkBind_query compares four query fields with what one would write by hand:
// on fasthttp's arguments, which it must parse for each request, and on Ctx.
func BenchmarkBind_query(b *testing.B) {
	c := boundCtx(sent{target: benchTarget})
	b.Run("bind", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := new(benchQuery)
			if err := c.Bind(v); err != nil {
				b.Fatal(err)
			}
			benchSink = v
		}
	})
	b.Run("fasthttp by hand", func(b *testing.B) {
		b.ReportAllocs()
		query := c.rc.URI().QueryString()
		for b.Loop() {
			v := new(benchQuery)
			args := c.rc.URI().QueryArgs()
			args.ParseBytes(query) // a new request's are not parsed yet
			var err1, err2 error
			v.Q = string(args.Peek("q"))
			v.Page, err1 = strconv.Atoi(string(args.Peek("page")))
			v.Limit, err2 = strconv.Atoi(string(args.Peek("limit")))
			v.Sort = string(args.Peek("sort"))
			if err1 != nil || err2 != nil {
				b.Fatal(err1, err2)
			}
			benchSink = v
		}
	})
	b.Run("geist by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := new(benchQuery)
			var err1, err2 error
			v.Q = c.Query("q")
			v.Page, err1 = Query[int](c, "page")
			v.Limit, err2 = Query[int](c, "limit")
			v.Sort = c.Query("sort")
			if err1 != nil || err2 != nil {
				b.Fatal(err1, err2)
			}
			benchSink = v
		}
	})
}

// BenchmarkBind_json compares a document with the bare codec, which looks for
// neither depth nor duplicates.
func BenchmarkBind_json(b *testing.B) {
	type user struct {
		Name  string `json:"name"`
		Email string `json:"email"`
		Age   int    `json:"age"`
	}
	c := boundCtx(sent{body: benchBody})
	b.Run("bind", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := new(user)
			if err := c.Bind(v); err != nil {
				b.Fatal(err)
			}
			benchSink = v
		}
	})
	b.Run("go-json by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v := new(user)
			if err := gojson.Unmarshal(c.rc.Request.Body(), v); err != nil {
				b.Fatal(err)
			}
			benchSink = v
		}
	})
}

// BenchmarkBind_scan is the look over a text before it is decoded.
func BenchmarkBind_scan(b *testing.B) {
	list := "[" + strings.Repeat(benchBody+",", 1000) + "{}]"
	var many strings.Builder
	for i := range 10_000 {
		many.WriteString(`"` + strconv.Itoa(i) + `":0,`)
	}
	for _, bb := range []struct{ name, text string }{
		{"small", benchBody},
		{"list", list},
		{"many keys", "{" + many.String() + `"x":0}`},
		{"long strings", `{"a":"` + strings.Repeat("abcdefgh ", 5000) + `"}`},
	} {
		data := []byte(bb.text)
		b.Run(bb.name, func(b *testing.B) {
			var s jsonScan
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if found, _ := s.run(data, 512); found != scanClean {
					b.Fatal(found)
				}
				s.release()
			}
		})
		b.Run(bb.name+", json.Valid", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				stdjson.Valid(data)
			}
		})
	}
}

// BenchmarkBind_opt is the price of telling missing from zero in JSON.
func BenchmarkBind_opt(b *testing.B) {
	data := []byte(benchBody)
	b.Run("pointers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v struct {
				Name, Email *string
				Age         *int
			}
			gojson.Unmarshal(data, &v)
		}
	})
	b.Run("opt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v struct {
				Name, Email Opt[string]
				Age         Opt[int]
			}
			gojson.Unmarshal(data, &v)
		}
	})
}

// BenchmarkBind_document is a request as typed handlers get them: a parameter of the
// path, hidden from the document, and its document.
func BenchmarkBind_document(b *testing.B) {
	type create struct {
		Org   string `path:"org"`
		Dry   bool   `query:"dry"`
		Name  string `json:"name"`
		Email string `json:"email"`
		Age   int    `json:"age"`
	}
	c := boundCtx(sent{target: "/x?dry=true", body: benchBody})
	c.ep = &endpoint{absent: "org"}
	b.ReportAllocs()
	for b.Loop() {
		v := new(create)
		if err := c.Bind(v); err != nil {
			b.Fatal(err)
		}
		benchSink = v
	}
}
