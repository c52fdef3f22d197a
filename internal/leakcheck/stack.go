package leakcheck

import (
	"runtime"
	"strings"
)

// goroutine is one goroutine of this process at one moment:
//
//	goroutine 7 [chan receive]:            id "7"
//	main.work(0x1)                         function "main.work"
//		/src/main.go:10 +0x20
//	created by main.main in goroutine 1    creator "main.main"
//		/src/main.go:5 +0x30
//
// An id is never given to a second goroutine.
type goroutine struct {
	id        string
	stack     string
	functions []string // from the innermost call outwards
	creator   string   // "" for the main goroutine
}

// goroutines returns all goroutines but the one that asks.
func goroutines() []goroutine {
	buf := make([]byte, 64<<10)
	for {
		if n := runtime.Stack(buf, true); n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := strings.Split(strings.TrimSpace(string(buf)), "\n\n")
	all := make([]goroutine, 0, len(stacks))
	for _, stack := range stacks[1:] { // the first one is the caller
		all = append(all, parse(stack))
	}
	return all
}

func parse(stack string) goroutine {
	lines := strings.Split(stack, "\n")
	id, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "goroutine "), " ")
	g := goroutine{id: id, stack: stack}
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, "\t") {
			continue // a position
		}
		if creator, ok := strings.CutPrefix(line, "created by "); ok {
			g.creator, _, _ = strings.Cut(creator, " in goroutine ")
			continue
		}
		g.functions = append(g.functions, function(line))
	}
	return g
}

// function cuts the arguments off a line of a stack:
//
//	net/http.(*Server).Serve(0xc000, {0x1, 0x2}) → net/http.(*Server).Serve
func function(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 && strings.HasSuffix(line, ")") {
		return line[:i]
	}
	return line
}

func ids(all []goroutine) map[string]bool {
	set := make(map[string]bool, len(all))
	for _, g := range all {
		set[g.id] = true
	}
	return set
}

// ignored reports whether g belongs to the runtime, to the testing package or to the
// process as a whole.
func (g goroutine) ignored() bool {
	if g.creator == "" || strings.HasPrefix(g.creator, "runtime.") || strings.HasPrefix(g.creator, "testing.") {
		return true
	}
	for _, f := range g.functions {
		for _, known := range processWide {
			if f == known {
				return true
			}
		}
	}
	return false
}
