package swagger

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gogeist/geist"
)

// path is a route as requests find it. Of
//
//	/files/:name.:ext<alpha>
//
// form is ^/files/([^/]+?)\.([^/]+?)$ and ranks are those of its segments: 0 of static
// text, 1 with literal text beside a parameter, 2 with a constraint, 3 plain, 4 a wildcard.
type path struct {
	info  geist.RouteInfo
	form  *regexp.Regexp
	ranks string
	op    *object // the operation; nil for a route that the documents leave out

	// Of a stream or a connection; empty if its messages are not described.
	emits, receives []message
}

// newPath reads a pattern.
func newPath(info geist.RouteInfo, pattern string) *path {
	var form, ranks strings.Builder
	rank := byte('0')
	literal := false
	form.WriteString("^")
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '\\':
			if i++; i < len(pattern) {
				form.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			}
			i++
			literal = true
		case ':', '*':
			end := i + 1
			for end < len(pattern) && isNameByte(pattern[end]) {
				end++
			}
			n := constraintLen(pattern[end:])
			switch {
			case c == '*':
				rank = '4'
				form.WriteString("(.+)")
			case n > 0:
				rank = max(rank, '2')
				form.WriteString("([^/]+?)")
			default:
				rank = max(rank, '3')
				form.WriteString("([^/]+?)")
			}
			i = end + n
		case '?':
			i++
		case '/':
			ranks.WriteByte(segmentRank(rank, literal))
			rank, literal = '0', false
			form.WriteByte('/')
			i++
		default:
			form.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			literal = true
			i++
		}
	}
	ranks.WriteByte(segmentRank(rank, literal))
	form.WriteString("$")
	return &path{info: info, form: regexp.MustCompile(form.String()), ranks: ranks.String()}
}

// segmentRank returns the rank of a segment.
func segmentRank(rank byte, literal bool) byte {
	if rank > '0' && rank < '4' && literal {
		return '1'
	}
	return rank
}

// find returns the routes that a request for a path, still escaped, may be for, the
// likeliest first: the constraints of an application are not known here.
func (c *Checker) find(r *http.Request, escaped string) []*path {
	var found []*path
	for _, p := range c.paths {
		if (p.info.Method == r.Method || r.Method == http.MethodHead && p.info.Method == http.MethodGet) &&
			hostMatches(p.info.Host, r.Host) && p.form.MatchString(escaped) && p.constrained(escaped) {
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b *path) int {
		switch {
		case (a.info.Host == "") != (b.info.Host == ""):
			if a.info.Host != "" {
				return -1
			}
			return 1
		case a.info.Method != b.info.Method:
			if a.info.Method == r.Method {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ranks, b.ranks)
	})
	return found
}

// values returns the parameters of a path that matches, decoded.
func (p *path) values(escaped string) []string {
	all := p.form.FindStringSubmatch(escaped)
	if len(all) > 0 {
		all = all[1:]
	}
	for i, v := range all {
		if decoded, err := url.PathUnescape(v); err == nil {
			all[i] = decoded
		}
	}
	return all
}

// constrained reports whether the parameters satisfy the constraints that keywords say.
func (p *path) constrained(escaped string) bool {
	for i, value := range p.values(escaped) {
		if i >= len(p.info.Constraints) {
			break
		}
		for _, text := range splitConstraints(p.info.Constraints[i]) {
			name, args, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
			keywords := constraintKeywords(name, args)
			if keywords != nil && len(judge(keywords, fromText(keywords, []string{value}, false), false)) > 0 {
				return false
			}
		}
	}
	return true
}

// hostMatches reports whether a host pattern allows a host.
func hostMatches(pattern, host string) bool {
	if pattern == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	before, rest, label := strings.Cut(pattern, "{")
	if !label {
		return strings.EqualFold(pattern, host)
	}
	_, after, _ := strings.Cut(rest, "}")
	rest, ok := strings.CutPrefix(host, strings.ToLower(before))
	if !ok {
		return false
	}
	name, ok := strings.CutSuffix(rest, strings.ToLower(after))
	return ok && name != "" && !strings.Contains(name, ".")
}
