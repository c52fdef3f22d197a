package geist_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

type lowText string

func (l lowText) MarshalText() ([]byte, error) {
	if l == "bad" {
		return nil, errors.New("no form")
	}
	return []byte(strings.ToLower(string(l))), nil
}

func TestSets_sendsAndDescribes(t *testing.T) {
	total := geist.Sets[int]("X-Total", "How many", "there are.")
	ratio, seen, on := geist.Sets[float64]("X-Ratio"), geist.Sets[time.Time]("X-Seen"), geist.Sets[bool]("X-On")
	low, tags := geist.Sets[lowText]("X-Low"), geist.Sets[[]lowText]("X-Tags")
	wait := geist.Sets[uint8]("Retry-After").On(429).Always()
	app := geist.New(geist.Config{Logger: discard()})
	api := app.Group("/api").Doc(total)
	geist.Get(api, "/list", func(c *geist.Ctx, _ *geist.None) ([]user, error) {
		total.Set(c, 7)
		ratio.Set(c, 0.25)
		seen.Set(c, time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC))
		on.Set(c, true)
		low.Set(c, "BAD")
		tags.Set(c, []lowText{"A", "b"})
		wait.Set(c, 9)
		return nil, nil
	}, ratio, seen, on, low, tags, wait, total.Always())
	geist.Get(api, "/bad", func(c *geist.Ctx, _ *geist.None) ([]user, error) {
		low.Set(c, "bad")
		total.Set(c, 1)
		return nil, nil
	})
	c := geisttest.New(t, app)
	c.GET("/api/list").Do().Status(200).HasHeader("X-Total", "7").HasHeader("X-Ratio", "0.25").HasHeader("X-On", "true").
		HasHeader("X-Seen", "Sun, 06 Nov 1994 08:49:37 GMT").HasHeader("X-Low", "bad").HasHeader("X-Tags", "a, b").HasHeader("Retry-After", "9")
	c.GET("/api/bad").Do().Status(200).NoHeader("X-Low").HasHeader("X-Total", "1")
	for _, info := range app.Routes() {
		var got []string
		for _, h := range info.Headers {
			got = append(got, h.Name+" "+h.Type.String())
		}
		want := "X-Total int"
		if info.Pattern == "/api/list" {
			want = "X-Ratio float64,X-Seen time.Time,X-On bool,X-Low geist_test.lowText,X-Tags []geist_test.lowText,Retry-After uint8,X-Total int"
			if h := info.Headers[6]; !h.Always || h.Description != "How many there are." || len(h.Statuses) > 0 {
				t.Errorf("X-Total: got %+v, want the route's own word for it", h)
			}
			if h := info.Headers[5]; !h.Always || len(h.Statuses) != 1 || h.Statuses[0] != 429 {
				t.Errorf("Retry-After: got %+v", h)
			}
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: headers = %q, want %q", info.Pattern, got, want)
		}
	}
}

func TestSets_problemsOfCheck(t *testing.T) {
	app := geist.New()
	app.GET("/", func(*geist.Ctx) error { return nil }).Doc(geist.Sets[int]("X Total"), geist.Sets[string]("content-type"),
		geist.Sets[map[string]int]("X-Map"), geist.Sets[[][]int]("X-Lists"), geist.Sets[*int]("X-Pointer"), geist.Sets[int]("X-On").On(101))
	got := strings.Join(problemsOf(t, app), "\n")
	for _, want := range []string{`Sets("X Total"): the name`, `Sets("content-type")`, `Sets("X-Map"): no header field is made of map[string]int`, `"X-Lists"`, `"X-Pointer"`, "statuses from 200 to 599"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("problems: got %s\nwant once %s", got, want)
		}
	}
}
