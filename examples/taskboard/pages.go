package main

import (
	"errors"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/examples/taskboard/page"
	"github.com/gogeist/geist/middleware/bodylimit"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/middleware/timeout"
	"github.com/gogeist/geist/store"
)

// site is what people see, beside the files of package page.
type site struct {
	pages  *page.Pages
	access *board.Access
}

// registerPages adds the board's page, and those by which people come and go.
func registerPages(app *geist.Engine, pages *page.Pages, access *board.Access) {
	s := &site{pages, access}
	g := app.Group("", timeout.New(timeout.Config{After: 10 * time.Second}), bodylimit.New(bodylimit.Config{MaxBytes: 4 << 10})).Doc(geist.Hidden())
	g.GET("/", s.board)
	g.GET("/login", s.login)
	// By address, beside what Access.SignIn bounds by name.
	g.POST("/login", ratelimit.New(ratelimit.Config{Name: "login", Limit: store.Limit{Rate: 30, Period: time.Minute, Burst: 30}}), s.signIn)
	g.POST("/logout", s.signOut)
}

// board answers with the board for who has signed in, and sends others to do so.
func (s *site) board(c *geist.Ctx) error {
	who, err := s.access.Who(c)
	if err != nil {
		return err
	}
	if who.Name == "" {
		return c.Redirect(303, "/login")
	}
	said, err := flashes(c)
	if err != nil {
		return err
	}
	return s.pages.Board(c, page.Board{Name: who.Name, Role: string(who.Role), Flashes: said})
}

// login answers with the form.
func (s *site) login(c *geist.Ctx) error {
	said, err := flashes(c)
	if err != nil {
		return err
	}
	return s.pages.SignIn(c, 200, page.SignIn{Flashes: said})
}

// signIn takes the form: on to the board, or back to the form with what is wrong.
func (s *site) signIn(c *geist.Ctx) error {
	name := c.Form("name")
	err := s.access.SignIn(c, name, c.Form("password"))
	if problem, ok := errors.AsType[*geist.Error](err); ok && (errors.Is(err, board.ErrWrong) || errors.Is(err, board.ErrAttempts)) {
		return s.pages.SignIn(c, problem.StatusCode(), page.SignIn{Name: name, Problem: problem.Detail()})
	}
	if err != nil {
		return err
	}
	return c.Redirect(303, "/")
}

// signOut ends the session and says goodbye.
func (s *site) signOut(c *geist.Ctx) error {
	if err := s.access.SignOut(c); err != nil {
		return err
	}
	return c.Redirect(303, "/login")
}

// flashes takes what the last page has left to be said out of the session.
func flashes(c *geist.Ctx) ([]session.Flash, error) {
	s, err := session.From(c)
	if err != nil {
		return nil, err
	}
	return s.Flashes(), nil
}
