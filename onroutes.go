package geist

import (
	"errors"
	"slices"
)

// OnRoutes adds a hook that is given the routes, as [Engine.Routes] lists them, whenever
// they have been built without a problem: by Check, when the engine starts to serve, and by each Change.
// What it returns as an error is a problem of [Engine.Check]; errors that are joined
// (errors.Join) are one each.
// The function that it returns beside, which may be nil, is called once those routes serve;
// after a Check alone, or when a Change fails, it never is. Descriptions of the service are
// made here, so that what is wrong with them is known at start.
//
// The hook runs while the engine is locked: it must not call the engine. It keeps what
// it is given as it is.
func (e *Engine) OnRoutes(f func(routes []RouteInfo) (publish func(), err error)) {
	if !e.mustHook("OnRoutes", f == nil) {
		return
	}
	e.hooks.routes = append(e.hooks.routes, f)
}

// show gives built routes to the hooks of e and returns what they find wrong.
func (e *Engine) show(rs *routes) (problems []string) {
	for _, f := range e.hooks.routes {
		publish, err := f(slices.Clone(rs.infos))
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		if publish != nil {
			rs.shown = append(rs.shown, publish)
		}
	}
	return problems
}

// problemsOf returns the sentences of an error, which may be several joined.
func problemsOf(err error) []string {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, one := range many.Unwrap() {
			all = append(all, problemsOf(one)...)
		}
		return all
	}
	if check, ok := errors.AsType[*CheckError](err); ok {
		return check.Problems
	}
	return []string{err.Error()}
}

// showMounted gives the routes of the engines that are mounted in e to their own hooks, as
// problems of these are problems of e.
func (e *Engine) showMounted() (problems []string) {
	var walk func(s *scope)
	walk = func(s *scope) {
		for _, m := range s.reg.mounts {
			if len(m.child.hooks.routes) > 0 {
				rs, _ := compile(m.child)
				problems = append(problems, m.child.show(rs)...)
			}
			problems = append(problems, m.child.showMounted()...)
		}
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope)
		}
	}
	walk(&e.scope)
	return problems
}
