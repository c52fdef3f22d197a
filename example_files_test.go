package geist_test

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"

	"github.com/gogeist/geist"
)

// A directory of assets, with names that never change their content.
func ExampleEngine_Static() {
	dir, err := os.MkdirTemp("", "assets")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	_ = os.WriteFile(dir+"/app.3f2a.js", []byte("run()"), 0o600)

	app := geist.New()
	app.Static("/assets", dir, geist.StaticConfig{CacheControl: "public, max-age=31536000, immutable"})

	req := httptest.NewRequest("GET", "/assets/app.3f2a.js", nil)
	req.Header.Set("Range", "bytes=0-2")
	rec := httptest.NewRecorder()
	app.HTTPHandler().ServeHTTP(rec, req)
	fmt.Println(rec.Code, rec.Header().Get("Content-Type"), rec.Header().Get("Content-Range"), rec.Body)
	// Output: 206 text/javascript; charset=utf-8 bytes 0-2/5 run
}

//go:embed testdata/site
var sitePages embed.FS

// A single-page application out of the binary: every navigation gets its page, the
// API keeps its own 404.
func ExampleEngine_StaticFS() {
	pages, err := fs.Sub(sitePages, "testdata/site")
	if err != nil {
		fmt.Println(err)
		return
	}
	app := geist.New()
	app.StaticFS("/", pages, geist.StaticConfig{SPA: true})
	app.Group("/api").GET("/users", func(c *geist.Ctx) error { return c.JSON(200, []string{}) })

	for _, path := range []string{"/settings/profile", "/missing.js", "/api/nothing"} {
		req := httptest.NewRequest("GET", path, nil)
		req.Header.Set("Accept", "text/html")
		rec := httptest.NewRecorder()
		app.HTTPHandler().ServeHTTP(rec, req)
		fmt.Println(path, rec.Code, rec.Header().Get("Content-Type"))
	}
	// Output:
	// /settings/profile 200 text/html; charset=utf-8
	// /missing.js 404 application/problem+json
	// /api/nothing 404 application/problem+json
}

// A download under the name that a user has given it.
func ExampleCtx_Attachment() {
	app := geist.New()
	app.GET("/report", func(c *geist.Ctx) error {
		return c.Attachment("testdata/site/app.js", c.Query("as"))
	})
	rec := httptest.NewRecorder()
	app.HTTPHandler().ServeHTTP(rec, httptest.NewRequest("GET", "/report?as=../r%C3%A9sum%C3%A9.js", nil))
	fmt.Println(rec.Header().Get("Content-Disposition"))
	// Output: attachment; filename="r_sum_.js"; filename*=UTF-8''r%C3%A9sum%C3%A9.js
}
