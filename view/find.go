package view

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// find returns the entry for a name with or without a fragment, and a layout or "".
func (l *library) find(name, layout string) (*entry, error) {
	p := l.pages[name]
	if p != nil && layout == "" {
		return p.usual, nil
	}
	w, fragment := way{page: name, layout: layout}, false
	if p == nil {
		w.page, w.block, fragment = strings.Cut(name, "#")
		p = l.pages[w.page]
	}
	switch {
	case p == nil:
		return nil, l.noPage(w.page)
	case fragment && w.block == "":
		return nil, fmt.Errorf("view: %q names no block behind #", name)
	}
	l.mu.RLock()
	e := l.others[w]
	l.mu.RUnlock()
	if e != nil {
		return e, nil
	}
	e, err := l.build(p, w)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.others[w]; other != nil {
		return other, nil
	}
	l.others[w] = e
	return e, nil
}

// noPage says which names there are that look like name.
func (l *library) noPage(name string) error {
	if near := nearest(name, maps.Keys(l.pages)); len(near) > 0 {
		return fmt.Errorf("view: no page is named %q: there is %s", name, strings.Join(near, ", "))
	}
	return fmt.Errorf("view: no page is named %q: there are %s", name, list(maps.Keys(l.pages)))
}

// noBlock says which blocks a page has.
func (l *library) noBlock(p *page, trees map[string]*parse.Tree, name string) error {
	own := func(yield func(string) bool) {
		for have := range trees {
			if l.partials[have] == nil && l.layouts[have] == nil && !yield(have) {
				return
			}
		}
	}
	return fmt.Errorf("view: %s has no block %q: there are %s", p.shown, name, list(own))
}

// mostListed is how many names a message has.
const mostListed = 10

// list returns names for a message.
func list(names iter.Seq[string]) string {
	all := slices.Sorted(names)
	switch n := len(all); {
	case n == 0:
		return "none"
	case n > mostListed:
		return strings.Join(all[:mostListed], ", ") + fmt.Sprintf(" and %d more", n-mostListed)
	}
	return strings.Join(all, ", ")
}

// longestCompared bounds the names that are compared, should one come from a request.
const longestCompared = 64

// nearest returns at most three names that differ little from name, the nearest first.
func nearest(name string, names iter.Seq[string]) []string {
	if len(name) > longestCompared {
		return nil
	}
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for have := range names {
		if far := distance(name, have); len(have) <= longestCompared && far <= 3 {
			near = append(near, candidate{have, far})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int { return cmp.Or(a.far-b.far, strings.Compare(a.name, b.name)) })
	var found []string
	for _, c := range near[:min(3, len(near))] {
		found = append(found, c.name)
	}
	return found
}

// distance returns how many bytes are to be changed, added or removed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
