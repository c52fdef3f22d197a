package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
)

// call is a line of the table in the recipe: the same in Gin and in geist.
type call struct {
	gin   func(c *gin.Context)
	geist func(c *geist.Ctx) error
	// what to send, GET /things/7?q=a&tag=x&tag=y by default
	method, body, kind string
}

type inBody struct {
	Name string `json:"name" form:"name"`
}

type inURI struct {
	ID int `uri:"id"`
}

const (
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded"
)

// calls are what the table says, by Gin's call.
func calls(file string) map[string]call {
	who := geist.NewKey[string]("who")
	return map[string]call{
		`c.Param("id")`: {
			gin:   func(c *gin.Context) { c.String(200, c.Param("id")) },
			geist: func(c *geist.Ctx) error { return c.Text(200, c.Param("id")) },
		},
		`c.FullPath()`: {
			gin:   func(c *gin.Context) { c.String(200, c.FullPath()) },
			geist: func(c *geist.Ctx) error { return c.Text(200, c.Pattern()) },
		},
		`c.Query("q")`: {
			gin:   func(c *gin.Context) { c.String(200, c.Query("q")+c.Query("none")) },
			geist: func(c *geist.Ctx) error { return c.Text(200, c.Query("q")+c.Query("none")) },
		},
		`c.DefaultQuery("page", "1")`: {
			gin: func(c *gin.Context) { c.String(200, c.DefaultQuery("page", "1")) },
			geist: func(c *geist.Ctx) error {
				n, err := geist.Query(c, "page", 1)
				if err != nil {
					return err
				}
				return c.Text(200, fmt.Sprint(n))
			},
		},
		`c.QueryArray("tag")`: {
			gin:   func(c *gin.Context) { c.JSON(200, c.QueryArray("tag")) },
			geist: func(c *geist.Ctx) error { return c.JSON(200, c.QueryAll("tag")) },
		},
		`c.PostForm("name")`: {
			gin:    func(c *gin.Context) { c.String(200, c.PostForm("name")) },
			geist:  func(c *geist.Ctx) error { return c.Text(200, c.Form("name")) },
			method: "POST", body: "name=a+b", kind: asForm,
		},
		`c.ShouldBind(&v)`: {
			gin: func(c *gin.Context) {
				var v inBody
				if err := c.ShouldBind(&v); err != nil {
					c.AbortWithStatus(http.StatusBadRequest)
					return
				}
				c.JSON(200, v)
			},
			geist: func(c *geist.Ctx) error {
				v, err := geist.Bind[inBody](c)
				if err != nil {
					return err
				}
				return c.JSON(200, v)
			},
			method: "POST", body: `{"name":"a"}`, kind: asJSON,
		},
		`c.ShouldBindUri(&v)`: {
			gin: func(c *gin.Context) {
				var v inURI
				if err := c.ShouldBindUri(&v); err != nil {
					c.AbortWithStatus(http.StatusBadRequest)
					return
				}
				c.String(200, "%d", v.ID)
			},
			geist: func(c *geist.Ctx) error {
				var v inURI
				if err := c.Bind(&v); err != nil {
					return err
				}
				return c.Text(200, fmt.Sprint(v.ID))
			},
		},
		`c.GetRawData()`: {
			gin: func(c *gin.Context) {
				b, _ := c.GetRawData()
				c.Data(200, "application/octet-stream", b)
			},
			geist:  func(c *geist.Ctx) error { return c.Bytes(200, "application/octet-stream", c.Body()) },
			method: "POST", body: "raw", kind: "application/octet-stream",
		},
		`c.GetHeader("X-Test")`: {
			gin:   func(c *gin.Context) { c.String(200, c.GetHeader("X-Test")) },
			geist: func(c *geist.Ctx) error { return c.Text(200, c.Header("X-Test")) },
		},
		`c.Header("X-Out", "1")`: {
			gin: func(c *gin.Context) {
				c.Header("X-Out", "1")
				c.Status(200)
			},
			geist: func(c *geist.Ctx) error {
				c.SetHeader("X-Out", "1")
				return nil
			},
		},
		`c.Cookie("sid")`: {
			gin: func(c *gin.Context) {
				v, _ := c.Cookie("sid")
				c.String(200, v)
			},
			geist: func(c *geist.Ctx) error { return c.Text(200, c.Cookie("sid")) },
		},
		`c.ClientIP()`: {
			gin:   func(c *gin.Context) { c.String(200, c.ClientIP()) },
			geist: func(c *geist.Ctx) error { return c.Text(200, c.ClientIP()) },
		},
		`c.JSON(200, gin.H{…})`: {
			gin:   func(c *gin.Context) { c.JSON(200, gin.H{"a": 1, "b": "<"}) },
			geist: func(c *geist.Ctx) error { return c.JSON(200, geist.Map{"a": 1, "b": "<"}) },
		},
		`c.String(200, "hi %s", name)`: {
			gin:   func(c *gin.Context) { c.String(200, "hi %s", "ada") },
			geist: func(c *geist.Ctx) error { return c.Text(200, "hi "+"ada") },
		},
		`c.Data(200, kind, b)`: {
			gin:   func(c *gin.Context) { c.Data(200, "image/png", []byte("png")) },
			geist: func(c *geist.Ctx) error { return c.Bytes(200, "image/png", []byte("png")) },
		},
		`c.Status(204)`: {
			gin:   func(c *gin.Context) { c.Status(204) },
			geist: func(c *geist.Ctx) error { return c.NoContent() },
		},
		`c.Redirect(302, "/x")`: {
			gin:   func(c *gin.Context) { c.Redirect(302, "/x") },
			geist: func(c *geist.Ctx) error { return c.Redirect(302, "/x") },
		},
		`c.AbortWithStatus(403)`: {
			gin:   func(c *gin.Context) { c.AbortWithStatus(403) },
			geist: func(*geist.Ctx) error { return geist.NewError(403, "no") },
		},
		`c.Set("who", v)`: {
			gin: func(c *gin.Context) {
				c.Set("who", "ada")
				c.String(200, c.GetString("who"))
			},
			geist: func(c *geist.Ctx) error {
				who.Set(c, "ada")
				return c.Text(200, who.Must(c))
			},
		},
		`c.File(path)`: {
			gin:   func(c *gin.Context) { c.File(file) },
			geist: func(c *geist.Ctx) error { return c.File(file) },
		},
		`c.Request.Context()`: {
			gin:   func(c *gin.Context) { c.String(200, fmt.Sprint(c.Request.Context().Err())) },
			geist: func(c *geist.Ctx) error { return c.Text(200, fmt.Sprint(c.Context().Err())) },
		},
	}
}

// outcome is what a client sees of a call.
func outcome(t *testing.T, client *http.Client, url string, tt call) loopback.Answer {
	t.Helper()
	if tt.method == "" {
		tt.method = http.MethodGet
	}
	a := loopback.Do(t, client, tt.method, url+"/things/7?q=a&tag=x&tag=y", strings.NewReader(tt.body),
		"Content-Type", tt.kind, "X-Test", "test", "Cookie", "sid=s1")
	if a.Status >= 400 {
		a.Body = "" // geist explains itself
	}
	return a
}

func TestCalls_answerAlike(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := loopback.Client(t)
	for name, tt := range calls(file) {
		t.Run(name, func(t *testing.T) {
			r := gin.New()
			r.Any("/things/:id", tt.gin)
			app := geist.New(geist.Config{DrainIdle: -1})
			app.Any("/things/:id", tt.geist)
			want, got := outcome(t, client, loopback.ServeHTTP(t, r), tt), outcome(t, client, loopback.Serve(t, app), tt)
			if got.Status != want.Status || got.Body != want.Body && got.Status != 302 {
				t.Errorf("geist: %d %q, Gin: %d %q", got.Status, got.Body, want.Status, want.Body)
			}
			for _, field := range []string{"X-Out", "Location", "Last-Modified", "Content-Type"} {
				g, w := got.Header.Get(field), want.Header.Get(field)
				if media, _, _ := strings.Cut(g, ";"); field == "Content-Type" && (got.Status >= 300 || len(got.Body) == 0 || strings.HasPrefix(w, media)) {
					continue // geist's JSON has no charset
				}
				if g != w {
					t.Errorf("%s: geist %q, Gin %q", field, g, w)
				}
			}
		})
	}
}

// The recipe's table and the calls above are the same.
func TestCalls_areThoseOfTheRecipe(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../../docs/recipes/from-gin.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- calls -->")
	table, _, _ = strings.Cut(table, "<!-- end of calls -->")
	var documented []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 4 && strings.Contains(cells[1], "`") {
			documented = append(documented, strings.Trim(cells[1], " `"))
		}
	}
	for _, name := range documented {
		if _, ok := calls("")[name]; !ok {
			t.Errorf("the recipe has %s, which no test performs", name)
		}
	}
	for name := range calls("") {
		if !slices.Contains(documented, name) {
			t.Errorf("the recipe lacks %s", name)
		}
	}
}
