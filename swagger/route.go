package swagger

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gogeist/geist"
)

// route is a route of the service in the words of the documents.
type route struct {
	geist.RouteInfo
	path    string   // "/users/{id}"
	params  []string // the names in path, as RouteInfo.Params has them
	shown   []string // the names by which path shows them
	without bool     // the form of the pattern without its optional parameter
	id      string   // the operationId
	tags    []string
}

func decimal(n int) string { return strconv.Itoa(n) }

// collect takes in the routes that the documents list.
func (b *builder) collect(infos []geist.RouteInfo) {
	for i := range infos {
		info := infos[i]
		if b.leavesOut(infos, &info) {
			continue
		}
		full := newRoute(info)
		if info.OptionalParam {
			b.routes = append(b.routes, full.withoutLast())
		}
		b.routes = append(b.routes, full)
	}
	b.nameOperations()
	for _, r := range b.routes {
		r.tags = r.Tags
		if len(r.tags) == 0 {
			r.tags = []string{r.section(b.cfg.Title)}
		}
	}
}

// leavesOut reports whether the documents are not meant to list a route.
func (b *builder) leavesOut(infos []geist.RouteInfo, info *geist.RouteInfo) bool {
	return info.Hidden && !b.cfg.Internal || b.cfg.Filter != nil && !b.cfg.Filter(*info) || unasked(infos, info)
}

// unasked reports whether nobody would look for a route in a document: files that nothing is
// said about, and what Any registers beside the methods that carry meaning.
func unasked(infos []geist.RouteInfo, info *geist.RouteInfo) bool {
	switch {
	case info.Kind == geist.RouteFiles:
		return info.Summary == "" && info.Description == ""
	case info.Method == "HEAD", info.Method == "OPTIONS":
		return slices.ContainsFunc(infos, func(o geist.RouteInfo) bool {
			return o.Pattern == info.Pattern && o.Source == info.Source && o.Handler == info.Handler && o.Method == "GET"
		})
	}
	return false
}

// newRoute reads the pattern of a route.
func newRoute(info geist.RouteInfo) *route {
	r := &route{RouteInfo: info, params: info.Params, shown: slices.Clone(info.Params)}
	r.path = template(info.Pattern)
	return r
}

// withoutLast returns the route in the form that lacks its optional last parameter.
func (r *route) withoutLast() *route {
	short := *r
	short.without = true
	n := len(r.params) - 1
	short.params, short.shown = r.params[:n:n], r.shown[:n:n]
	if short.path = r.path[:strings.LastIndexByte(r.path, '/')]; short.path == "" {
		short.path = "/"
	}
	return &short
}

// template writes a pattern as OpenAPI has it, which knows no constraints.
//
//	/users/:id<int>      →  /users/{id}
//	/files/:name.:ext    →  /files/{name}.{ext}
//	/static/*path        →  /static/{path}
//	/a\:b                →  /a:b
func template(pattern string) string {
	var out strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch c {
		case '\\':
			if i+1 < len(pattern) {
				out.WriteString(literal(pattern[i+1]))
			}
			i += 2
		case ':', '*':
			end := i + 1
			for end < len(pattern) && isNameByte(pattern[end]) {
				end++
			}
			out.WriteString("{" + pattern[i+1:end] + "}")
			i = end + constraintLen(pattern[end:])
		case '?':
			i++
		default:
			out.WriteString(literal(c))
			i++
		}
	}
	return out.String()
}

// literal returns a byte of a path as a URL has it. Braces would be parameters.
func literal(c byte) string {
	if c == '{' || c == '}' || c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^|%?#`+"`", c) >= 0 {
		return url.PathEscape(string([]byte{c}))
	}
	return string([]byte{c})
}

func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// constraintLen returns the length of the constraints that s begins with: "<int;min(1)>" is
// 12. Inside parentheses an expression may hold what would end them, escaped or in a class.
func constraintLen(s string) int {
	if s == "" || s[0] != '<' {
		return 0
	}
	depth, class := 0, false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && depth > 0:
			i++
		case class:
			class = c != ']'
		case c == '[' && depth > 0:
			class = true
			if strings.HasPrefix(s[i+1:], "^") {
				i++
			}
			if strings.HasPrefix(s[i+1:], "]") {
				i++ // the first one is a member
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '>' && depth == 0:
			return i + 1
		}
	}
	return len(s)
}

// general reports whether a segment says nothing of what a route is about: an empty one, a
// parameter, "api", a version.
func general(segment string) bool {
	return segment == "" || strings.ContainsAny(segment, "{}%") || segment == "api" ||
		len(segment) > 1 && segment[0] == 'v' && strings.Trim(segment[1:], "0123456789.") == ""
}

// section returns the tag of a route that names none: the first fixed segment of its path
// that is no version.
func (r *route) section(fallback string) string {
	for segment := range strings.SplitSeq(r.path, "/") {
		if !general(segment) {
			return segment
		}
	}
	return fallback
}

// nameOperations gives each operation an id that depends on nothing but its own route: the name
// of the route, else the method and the path.
//
//	GET /users/{id}/posts  →  getUsersByIdPosts
func (b *builder) nameOperations() {
	methods := map[string]map[string]bool{} // of routes, by name
	for _, r := range b.routes {
		if r.Name != "" && !r.without {
			if methods[r.Name] == nil {
				methods[r.Name] = map[string]bool{}
			}
			methods[r.Name][r.Method] = true
		}
	}
	taken := map[string]*route{}
	for _, r := range b.routes {
		r.id = strings.ToLower(r.Method) + upperWord(pathWords(r.path))
		if r.Name != "" && !r.without {
			if r.id = lowerFirst(upperWord(r.Name)); len(methods[r.Name]) > 1 {
				r.id = strings.ToLower(r.Method) + upperWord(r.Name)
			}
		}
		if r.Host != "" && taken[r.id] != nil {
			r.id += "On" + upperWord(r.Host)
		}
		if other := taken[r.id]; other != nil && !sameShape(other, r) {
			b.problem("%s %s (%s) and %s %s (%s) have the same operationId %q: give one a Name",
				other.Method, other.Pattern, other.Source, r.Method, r.Pattern, r.Source, r.id)
		}
		taken[r.id] = r
	}
}

// sameShape reports whether two routes stand in one place of a document, which is
// reported there.
func sameShape(a, b *route) bool {
	return a.Method == b.Method && pathShape(a.path) == pathShape(b.path)
}

// pathShape returns a path without the names of its parameters.
func pathShape(path string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(path, "{")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		out.WriteString("{}")
		_, path, _ = strings.Cut(rest, "}")
	}
}

// pathWords returns a path with By before each parameter.
func pathWords(path string) string {
	if path == "/" {
		return "root"
	}
	return strings.NewReplacer("{", "/by/", "}", "/", "_", "/").Replace(path)
}

func lowerFirst(s string) string {
	return strings.ToLower(s[:1]) + s[1:]
}

// title is what a reader calls the route: its summary, its name, or the method and the path
// without what says nothing, so that GET /api/v1/users/{id} is "Get users by id".
func (r *route) title() string {
	switch {
	case r.Summary != "":
		return r.Summary
	case r.Name != "" && !r.without:
		return sentence(r.id)
	}
	segments := slices.DeleteFunc(strings.Split(r.path, "/"), func(s string) bool {
		return !strings.Contains(s, "{") && general(s)
	})
	return sentence(strings.ToLower(r.Method) + upperWord(pathWords("/"+strings.Join(segments, "/"))))
}

// sentence makes a line of an operationId: getUsersById is "Get users by id".
func sentence(id string) string {
	var out strings.Builder
	for i, r := range id {
		switch {
		case i == 0:
			out.WriteString(strings.ToUpper(string(r)))
			continue
		case 'A' <= r && r <= 'Z':
			out.WriteByte(' ')
			r |= 0x20
		}
		out.WriteRune(r)
	}
	return out.String()
}
