package geist

import "strings"

// The tree of one method. Static text is a radix tree over bytes; a parameter hangs on the node
// whose text ends with the slash before it.
//
//	/users  /users/new  /users/:id  /users/:id/posts  /users/*rest
//
//	"/users" leaf
//	  └ "/" ──── static "new" leaf
//	        ├─── edge plain :id ──► "" leaf ── "/posts" leaf
//	        └─── edge wild *rest
//
// A lookup takes the static child first and never pushes anything on a stack. Every node knows
// beforehand where to go on when nothing below it matches (fail): the next edge of the nearest node
// above that still has one. For "/users/newer" the node "new" has no child for 'e', its fail is the
// edge :id of "/". Where an edge begins in the path follows from the captures: it is the end of the
// parameter captured before it plus the static bytes since (edge.since). A node belongs to one
// depth of the path, so that a lookup visits it at most once.
//
// Edges of one node stand in rank order. Edges of equal rank that can match one same value
// ("<min(1)>" and "<max(9)>") leave the decision to later segments: leaves below them are contested,
// and find goes on after such a leaf to compare all matches.
type tree struct {
	root   *node
	fold   bool
	routes []route
	slash  bool             // a pattern may match a path that ends in a slash, other than "/"
	byKey  map[string][]int // routes that could conflict, see pattern.conflictKeys
}

// route is what was added: the pattern, folded if the tree is, and the caller's value.
type route struct {
	pat *pattern
	ep  *endpoint
}

// span is one captured parameter: path[off:off+len].
type span struct{ off, len uint16 }

// captures are the parameters of one lookup, by position. It lives in the pooled Ctx; to reset it,
// set n to 0. More parameters than fit inline go to spill, which is kept for the next request.
type captures struct {
	n      int
	inline [16]span
	spill  []span
}

// at returns the i-th parameter, 0 ≤ i < n.
func (cs *captures) at(i int) span {
	if i < len(cs.inline) {
		return cs.inline[i]
	}
	return cs.spill[i-len(cs.inline)]
}

func (cs *captures) set(i, off, end int) {
	if i < len(cs.inline) {
		cs.inline[i] = span{uint16(off), uint16(end - off)}
		return
	}
	cs.setSpill(i-len(cs.inline), span{uint16(off), uint16(end - off)})
}

func (cs *captures) setSpill(i int, s span) {
	for len(cs.spill) <= i {
		cs.spill = append(cs.spill, span{})
	}
	cs.spill[i] = s
}

// node is a piece of static text and what may follow it. Its first byte is judged on the way in, by
// the table of the node above; after a parameter nothing but a slash can stand there.
type node struct {
	rest  string  // the text without its first byte
	kids  []*node // static children: kids[b-min] for the byte b, nil where there is none
	min   byte
	leaf  *leaf // the route that ends here
	edges *edge // parameters that may begin here, best first
	fail  *edge // where to go on when nothing below matches

	prefix string // the whole text
	build  *nodeBuild
}

type edgeKind uint8

const (
	edgePlain   edgeKind = iota // a whole segment, no constraint
	edgeSegment                 // constrained, or with text: seg.match decides
	edgeWild                    // the rest of the path
)

// edge is a parameter segment, or the wildcard.
type edge struct {
	kind  edgeKind
	k     uint16 // parameters captured before it
	since int    // static bytes between the last of them and this segment
	kid   *node  // what follows the segment; nil for a wildcard
	skip  int    // 1 if kid's text has a first byte, which must be a slash
	leaf  *leaf  // the wildcard's route
	next  *edge  // where to go on when this edge does not lead to a match
	seg   *segment
}

// leaf is where a route ends.
type leaf struct {
	ep        *endpoint
	pat       *pattern
	n         int   // parameters
	contested bool  // another match, found later, may be better
	fail      *edge // where to look for it
}

// newTree returns an empty tree. With foldCase, patterns are folded here; the caller folds paths.
func newTree(foldCase bool) *tree {
	return &tree{fold: foldCase, byKey: map[string][]int{}}
}

// add adds a route. If the pattern conflicts with one added before, it returns the first such
// one's endpoint and pattern and leaves the tree as it was.
func (t *tree) add(p *pattern, v *endpoint) (other *endpoint, with *pattern) {
	q := p
	if t.fold {
		q = p.folded()
	}
	t.slash = t.slash || q.endsInSlash()
	find, store := q.conflictKeys()
	first := len(t.routes)
	for _, key := range find {
		for _, i := range t.byKey[key] {
			if i < first && q.overlaps(t.routes[i].pat, t.fold) {
				first = i
			}
		}
	}
	if first < len(t.routes) {
		r := &t.routes[first]
		return r.ep, r.pat
	}
	for _, key := range store {
		t.byKey[key] = append(t.byKey[key], first)
	}
	t.routes = append(t.routes, route{q, v})
	return nil, nil
}

// find returns the endpoint whose pattern matches path best, or nil, and captures its parameters.
// path is decoded, and folded if the tree is; orig is the same path in its original case, which
// constraints judge. find allocates nothing for up to 16 parameters. Paths above 65,535 bytes
// match nothing.
func (t *tree) find(path, orig string, cs *captures) *endpoint {
	l := t.walk(path, orig, cs, nil)
	if l == nil {
		return nil
	}
	if l.contested {
		l = t.best(l, path, orig, cs)
	}
	cs.n = l.n
	return l.ep
}

// best goes on after the contested leaf l and returns the best of all matches.
func (t *tree) best(l *leaf, path, orig string, cs *captures) *leaf {
	top := l
	for l.fail != nil {
		if l = t.walk(path, orig, cs, l.fail); l == nil {
			break
		}
		if l.pat.better(top.pat) {
			top = l
		}
	}
	top.pat.capture(path, orig, cs)
	return top
}

// capture captures the parameters of p, which is known to match path.
func (p *pattern) capture(path, orig string, cs *captures) {
	off, k := 0, 0
	for i := range p.segs {
		s := &p.segs[i]
		off++
		if s.wild {
			cs.set(k, off, len(path))
			return
		}
		end := segmentEnd(path, off)
		if !s.static() {
			s.match(path, orig, off, end, cs, k)
		}
		k += len(s.params)
		off = end
	}
}

func segmentEnd(path string, off int) int {
	if i := strings.IndexByte(path[off:], '/'); i >= 0 {
		return off + i
	}
	return len(path)
}

// walk searches from the edge e on, or from the root when e is nil.
// Long on purpose: it is the state machine described above, and calls would cost more than its work.
func (t *tree) walk(path, orig string, cs *captures, e *edge) *leaf {
	if len(path) > maxPath || len(path) == 0 || path[0] != '/' || t.root == nil {
		return nil
	}
	n, i := t.root, 1
	var end int
	if e != nil {
		goto resume
	}
static: // the first byte of n matched, i is behind it and may be one behind the end
	if p := n.rest; len(p) > 0 {
		if len(path)-i < len(p) || path[i:i+len(p)] != p {
			e = n.fail
			goto resume
		}
		i += len(p)
	}
	if i >= len(path) {
		if i == len(path) && n.leaf != nil {
			return n.leaf
		}
		e = n.fail
		goto resume
	}
	if c := int(path[i] - n.min); c < len(n.kids) {
		if kid := n.kids[c]; kid != nil {
			n = kid
			i++
			goto static
		}
	}
	if e = n.edges; e != nil {
		goto try
	}
	e = n.fail
resume: // e begins behind the last parameter captured before it
	if e == nil {
		return nil
	}
	i = e.since
	if e.k > 0 {
		s := cs.at(int(e.k) - 1)
		i += int(s.off) + int(s.len)
	}
try: // e begins at i
	if e.kind == edgeWild {
		if i < len(path) {
			cs.set(int(e.k), i, len(path))
			return e.leaf
		}
		e = e.next
		goto resume
	}
	end = segmentEnd(path, i)
	if end > i && (e.kind == edgePlain || e.seg.match(path, orig, i, end, cs, int(e.k))) {
		if e.kind == edgePlain {
			cs.set(int(e.k), i, end)
		}
		n, i = e.kid, end+e.skip
		goto static
	}
	e = e.next
	goto resume
}

// freeze builds the tables. Afterwards the tree never changes and any number of goroutines may
// call find.
func (t *tree) freeze() {
	t.root = &node{build: &nodeBuild{}}
	for i := range t.routes {
		t.root.insert(&t.routes[i])
	}
	t.root.freeze(frozenAt{}, t.fold)
}
