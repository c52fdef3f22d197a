package geist_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// Any handler of net/http is a handler. It finds path parameters by PathValue.
func ExampleFromHTTP() {
	app := geist.New()
	app.GET("/users/:id", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %s by %s", r.PathValue("id"), r.Pattern)
	})))
	exampleDo(app, func(c *geisttest.Client) {
		fmt.Println(c.GET("/users/7").Do().Status(200).Text())
	})
	// Output: user 7 by /users/:id
}

// What geist has no route for goes to a mux of net/http, or to an engine of Gin, Echo
// or chi: a service moves a route at a time.
func ExampleFromHTTP_fallThrough() {
	old := http.NewServeMux()
	old.HandleFunc("POST /tasks", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "by the mux") })

	app := geist.New()
	app.GET("/tasks", func(c *geist.Ctx) error { return c.Text(200, "by geist") })
	app.NotFound(geist.FromHTTP(old))
	app.MethodNotAllowed(geist.FromHTTP(old))
	exampleDo(app, func(c *geisttest.Client) {
		fmt.Println(c.GET("/tasks").Do().Text())
		fmt.Println(c.POST("/tasks").Do().Text())
	})
	// Output:
	// by geist
	// by the mux
}

// Middleware of net/http runs around geist's handlers, which find what it put into the
// request's context.
func ExampleFromHTTPMiddleware() {
	type tenantKey struct{}
	tenant := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := r.Header.Get("X-Tenant")
			if name == "" {
				http.Error(w, "which tenant?", http.StatusBadRequest)
				return
			}
			w.Header().Set("Vary", "X-Tenant")
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tenantKey{}, name)))
		})
	}
	app := geist.New()
	app.Use(geist.FromHTTPMiddleware(tenant))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, fmt.Sprint(c.Context().Value(tenantKey{}))) })
	exampleDo(app, func(c *geisttest.Client) {
		fmt.Println(c.GET("/").Header("X-Tenant", "acme").Do().Status(200).HasHeader("Vary", "X-Tenant").Text())
		fmt.Print(c.GET("/").Do().Status(400).Text())
	})
	// Output:
	// acme
	// which tenant?
}

// An engine is a handler in a server, a mux or a test of net/http.
func ExampleEngine_HTTPHandler() {
	app := geist.New()
	app.GET("/tasks/:id<int>", func(c *geist.Ctx) error { return c.JSON(200, geist.Map{"id": c.Param("id")}) })

	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", app.HTTPHandler()))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/api/tasks/7")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 200 OK
	// {"id":"7"}
}
