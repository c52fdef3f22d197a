package geisttest

import (
	"runtime"
	"strings"

	"github.com/gogeist/geist"
)

// route names the route that a request is for, as far as Engine.Match knows.
func (s *session) route(r *Request) string {
	path, _, _ := strings.Cut(r.target, "?")
	var m geist.Match
	if s.app.Match(r.method, path, &m) {
		return "route " + m.Pattern()
	}
	return "a route that only the request's host, a mount or the slash policy tells"
}

// maxStacks bounds how many handlers stand in a message.
const maxStacks = 4

// handlerStacks returns the stacks of the goroutines that run handlers, of any engine.
func handlerStacks() string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var found []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		entry := handlerEntry(stack)
		if entry == "" {
			continue
		}
		if len(found) == maxStacks {
			found = append(found, "(and more)")
			break
		}
		above, _, _ := strings.Cut(stack, entry)
		found = append(found, strings.TrimSpace(above))
	}
	if len(found) == 0 {
		return "(none)"
	}
	return strings.Join(found, "\n\n")
}

// handlerEntry returns the function of the engine below which a goroutine runs an application's
// handler, or that of a stream or a WebSocket, else "".
func handlerEntry(stack string) string {
	for _, entry := range [...]string{
		"github.com/gogeist/geist.(*Engine).serve(", "github.com/gogeist/geist.(*bodyStream).WriteTo(",
		"github.com/gogeist/geist.(*Conn).run(",
	} {
		if strings.Contains(stack, entry) {
			return entry
		}
	}
	return ""
}
