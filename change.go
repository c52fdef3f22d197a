package geist

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// family is what engines share that are mounted in each other: one change at a
// time, since the routes of a parent are built from its children's registrations.
//
//	app ─► family A      app.Mount("/shop", shop)      app ──► family A
//	shop ► family B               ⇒                    shop ─► family B ─into─► A
type family struct {
	mu       sync.Mutex
	changing atomic.Bool            // a Change of a member is under way
	into     atomic.Pointer[family] // the family that this one has joined
}

// root returns the family that f has become part of, in the end.
func (f *family) root() *family {
	for next := f.into.Load(); next != nil; next = f.into.Load() {
		f = next
	}
	return f
}

// lock locks the family of e and returns it.
func (e *Engine) lock() *family {
	for {
		f := e.family.root()
		f.mu.Lock()
		if f.into.Load() == nil {
			return f
		}
		f.mu.Unlock() // it joined another one meanwhile
	}
}

// lockToRead is lock for what may be called within Change too, which holds the lock.
func (e *Engine) lockToRead() (unlock func()) {
	if e.family.root().changing.Load() {
		return func() {}
	}
	return e.lock().mu.Unlock
}

// mountedIn remembers that a change of e must rebuild parent too, and makes both
// one family. Within a Change, that of parent is locked.
func (e *Engine) mountedIn(parent *Engine) {
	to := parent.family.root()
	for e.family.root() != to {
		from := e.lock()
		from.into.Store(to)
		from.mu.Unlock()
	}
	if !slices.Contains(e.parents, parent) {
		e.parents = append(e.parents, parent)
	}
}

// Change registers routes, groups and middleware while the engine serves: what
// register adds becomes visible to requests all at once, when it returns, also where
// the engine is mounted. If that would make an engine invalid, or if register
// panics, nothing changes and Change panics, with a *[CheckError] in the first case.
// Requests are never held up. Change may be called from any goroutine; calls run one
// after another, so that register must not call Change itself, neither of this
// engine nor of one that is mounted in it or that it is mounted in. Hooks cannot be
// added while the engine serves.
func (e *Engine) Change(register func()) {
	f := e.lock()
	defer f.mu.Unlock()
	f.changing.Store(true)
	defer f.changing.Store(false)
	e.changing.Store(true)
	defer e.changing.Store(false)
	undo := e.save()
	done := false
	defer func() {
		if !done {
			undo()
		}
	}()
	register()
	if err := e.rebuild(); err != nil {
		panic(err)
	}
	done = true
}

// rebuild makes the changes of e visible wherever it serves, or fails and makes them
// visible nowhere. The family must be locked.
func (e *Engine) rebuild() error {
	var engines []*Engine
	var built []*routes
	for _, a := range e.lineage(nil) {
		if !a.serving.Load() {
			continue
		}
		rs, err := a.build()
		if err != nil {
			return err
		}
		engines, built = append(engines, a), append(built, rs)
	}
	for i, a := range engines {
		a.publish(built[i])
		a.markServing() // what it may have mounted
	}
	return nil
}

// lineage appends e and the engines that it is mounted in, each once.
func (e *Engine) lineage(seen []*Engine) []*Engine {
	if slices.Contains(seen, e) {
		return seen
	}
	seen = append(seen, e)
	for _, parent := range e.parents {
		seen = parent.lineage(seen)
	}
	return seen
}

// publish makes rs the routes of e, and tells the hooks of OnRoutes, and those of OnRoute
// what is new.
func (e *Engine) publish(rs *routes) {
	for _, f := range rs.shown {
		f()
	}
	known := map[*Route]bool{}
	if old := e.routes.Swap(rs); old != nil {
		for _, r := range old.origin {
			known[r] = true
		}
	}
	for i, info := range rs.infos {
		if !known[rs.origin[i]] {
			for _, f := range e.hooks.route {
				f(info)
			}
		}
	}
}

// markServing ends registration on e and on what is mounted in it, which thereby
// starts to serve too.
func (e *Engine) markServing() {
	e.serving.Store(true)
	if e.routes.Load() == nil {
		if rs, err := e.build(); err == nil {
			e.publish(rs)
		}
	}
	var walk func(s *scope)
	walk = func(s *scope) {
		for _, m := range s.reg.mounts {
			m.child.markServing()
		}
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope)
		}
	}
	walk(&e.scope)
}

// save returns a function that restores all registrations of e as they are now.
func (e *Engine) save() (undo func()) {
	type saved struct {
		s   *scope
		reg registry
	}
	var scopes []saved
	var originals []*Route
	var routes []Route // what Name and its like have set
	var walk func(s *scope)
	walk = func(s *scope) {
		scopes = append(scopes, saved{s, s.reg})
		for _, r := range s.reg.routes {
			originals, routes = append(originals, r), append(routes, *r)
		}
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope)
		}
	}
	walk(&e.scope)
	problems, constraints := e.problems, maps.Clone(e.constraints)
	return func() {
		for _, x := range scopes {
			x.s.reg = x.reg
		}
		for i, r := range originals {
			*r = routes[i]
		}
		e.problems, e.constraints = problems, constraints
	}
}
