package geist_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// Hooks see routes before they serve, and are told when they do.
func TestEngine_onRoutes(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	var seen, published []string
	app.OnRoutes(func(routes []geist.RouteInfo) (func(), error) {
		var patterns []string
		for _, r := range routes {
			patterns = append(patterns, r.Pattern)
		}
		seen = append(seen, strings.Join(patterns, " "))
		if slices.Contains(patterns, "/bad") {
			return nil, errors.Join(errors.New("first"), errors.New("second"))
		}
		return func() { published = append(published, strings.Join(patterns, " ")) }, nil
	})
	app.OnRoutes(func([]geist.RouteInfo) (func(), error) { return nil, nil })
	ok := func(c *geist.Ctx) error { return c.NoContent() }
	app.GET("/a", ok)
	if err := app.Check(); err != nil || len(published) != 0 {
		t.Fatalf("Check = %v, published %q, want nothing", err, published)
	}
	app.Handler()
	app.Change(func() { app.GET("/b", ok) })
	func() {
		defer func() {
			e, isCheck := recover().(*geist.CheckError)
			if !isCheck || !slices.Equal(e.Problems, []string{"first", "second"}) {
				t.Errorf("Change ended with %v", e)
			}
		}()
		app.Change(func() { app.GET("/bad", ok) })
	}()
	if want := []string{"/a", "/a", "/a /b", "/a /b /bad"}; !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q", seen, want)
	}
	if want := []string{"/a", "/a /b"}; !slices.Equal(published, want) {
		t.Errorf("published %q, want %q", published, want)
	}
}

func TestEngine_onRoutesNil(t *testing.T) {
	app := geist.New()
	app.OnRoutes(nil)
	if err := app.Check(); err == nil || !strings.Contains(err.Error(), "OnRoutes was given a nil function") {
		t.Errorf("Check = %v", err)
	}
}
