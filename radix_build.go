package geist

import (
	"cmp"
	"slices"
	"strings"
)

// nodeBuild holds what a node needs until it is frozen.
type nodeBuild struct {
	kids    []*node // by first byte, sorted when frozen
	edges   []*edgeBuild
	byShape map[string]*edge
}

// edgeBuild is an edge before it is linked into the chain of its node.
type edgeBuild struct {
	*edge
	shape string
	rank  uint32
}

// insert adds a route below the root.
func (n *node) insert(r *route) {
	var text strings.Builder
	for i := range r.pat.segs {
		s := &r.pat.segs[i]
		text.WriteByte('/')
		if s.static() {
			text.WriteString(s.lits[0])
			continue
		}
		n = n.descend(text.String())
		text.Reset()
		e := n.edgeFor(s)
		if s.wild {
			e.leaf = newLeaf(r)
			return
		}
		n = e.kid
	}
	n.descend(text.String()).leaf = newLeaf(r)
}

func newLeaf(r *route) *leaf {
	return &leaf{ep: r.ep, pat: r.pat, n: len(r.pat.names)}
}

// descend returns the node that text leads to from the end of n, splitting nodes as needed.
func (n *node) descend(text string) *node {
	for text != "" {
		i := slices.IndexFunc(n.build.kids, func(kid *node) bool { return kid.prefix[0] == text[0] })
		if i < 0 {
			kid := &node{prefix: text, build: &nodeBuild{}}
			n.build.kids = append(n.build.kids, kid)
			return kid
		}
		kid := n.build.kids[i]
		common := commonPrefix(kid.prefix, text)
		if common < len(kid.prefix) {
			upper := &node{prefix: text[:common], build: &nodeBuild{kids: []*node{kid}}}
			kid.prefix = kid.prefix[common:]
			n.build.kids[i] = upper
			kid = upper
		}
		n, text = kid, text[common:]
	}
	return n
}

func commonPrefix(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// edgeFor returns the edge of n for a segment of this shape.
func (n *node) edgeFor(s *segment) *edge {
	shape := s.shape()
	if e := n.build.byShape[shape]; e != nil {
		return e
	}
	e := &edge{kind: edgeSegment, seg: s}
	switch {
	case s.wild:
		e.kind = edgeWild
	case s.rank() == rankPlain:
		e.kind = edgePlain
	}
	if !s.wild {
		e.kid = &node{build: &nodeBuild{}}
	}
	if n.build.byShape == nil {
		n.build.byShape = map[string]*edge{}
	}
	n.build.byShape[shape] = e
	n.build.edges = append(n.build.edges, &edgeBuild{edge: e, shape: shape, rank: s.rank()})
	return e
}

// frozenAt is the place of a node: what holds where its prefix begins.
type frozenAt struct {
	k         int   // parameters captured before
	since     int   // static bytes since the last of them
	fail      *edge // where to go on
	contested bool  // some edge above has a rival
}

// freeze links and tabulates n and all below it.
func (n *node) freeze(at frozenAt, fold bool) {
	b := n.build
	n.build = nil
	// A node without a text of its own, such as the one after a parameter, becomes its only child.
	for n.leaf == nil && len(b.edges) == 0 && len(b.kids) == 1 {
		kid := b.kids[0]
		n.prefix += kid.prefix
		n.leaf, b = kid.leaf, kid.build
	}
	at.since += len(n.prefix)
	n.fail = at.fail
	n.leaf.place(at)

	n.freezeEdges(b.edges, at, fold)
	if n.edges != nil {
		at.fail = n.edges
	}
	slices.SortFunc(b.kids, func(x, y *node) int { return cmp.Compare(x.prefix[0], y.prefix[0]) })
	for _, kid := range b.kids {
		kid.freeze(at, fold)
	}
	n.tabulate(b.kids)
}

func (l *leaf) place(at frozenAt) {
	if l != nil {
		l.fail, l.contested = at.fail, at.contested
	}
}

// tabulate builds the table of the children, which are sorted.
func (n *node) tabulate(kids []*node) {
	if len(n.prefix) > 0 {
		n.rest = n.prefix[1:]
	}
	if len(kids) == 0 {
		return
	}
	n.min = kids[0].prefix[0]
	n.kids = make([]*node, int(kids[len(kids)-1].prefix[0]-n.min)+1)
	for _, kid := range kids {
		n.kids[kid.prefix[0]-n.min] = kid
	}
}

// freezeEdges sorts the edges of n and chains them; the last leads to where n itself fails.
func (n *node) freezeEdges(edges []*edgeBuild, at frozenAt, fold bool) {
	slices.SortFunc(edges, func(x, y *edgeBuild) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), strings.Compare(x.shape, y.shape))
	})
	next := at.fail
	for i := len(edges) - 1; i >= 0; i-- {
		e := edges[i]
		e.k, e.since, e.next = uint16(at.k), at.since, next
		next = e.edge
	}
	if len(edges) > 0 {
		n.edges = edges[0].edge
	}
	for i, e := range edges {
		below := frozenAt{k: at.k + len(e.seg.params), fail: e.next, contested: at.contested || hasRival(edges, i, fold)}
		if e.kind == edgeWild {
			e.leaf.place(below)
			continue
		}
		below.since = len(e.seg.lits[len(e.seg.params)])
		e.kid.freeze(below, fold)
		e.skip = min(len(e.kid.prefix), 1)
	}
}

// maxRivalChecks bounds the search for rivals; beyond it they are assumed, which costs time at a
// lookup but never its result.
const maxRivalChecks = 64

// hasRival reports whether an edge after edges[i] has equal rank and can match the same values. The
// order by shape is one by first text: those whose text extends that of edges[i] follow it at once.
func hasRival(edges []*edgeBuild, i int, fold bool) bool {
	e := edges[i]
	for j := i + 1; j < len(edges) && edges[j].rank == e.rank; j++ {
		if !strings.HasPrefix(edges[j].seg.lits[0], e.seg.lits[0]) {
			break
		}
		if j-i > maxRivalChecks || segmentsOverlap(e.seg, edges[j].seg, fold) {
			return true
		}
	}
	return false
}
