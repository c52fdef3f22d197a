// Package scenes defines what is compared: each scene sets its contenders up,
// checks that every one of them answers correctly, and hands them to
// internal/measure or to testing.B.
package scenes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
)

// A Scene is one comparison.
type Scene struct {
	// Name is a path such as "router/github".
	Name string
	// Title says what one operation is.
	Title string
	// Bases are the rows that others are divided by: the first that takes part.
	Bases []string
	// Procs is the GOMAXPROCS of the scene; zero leaves it.
	Procs int
	// Diff asks for differences to the base beside the ratios.
	Diff bool
	// Keep asks for rows in the order of the contenders, not of their speed.
	Keep bool
	// Own says that the contenders are the scene's own, not one for each peer.
	Own bool
	// Setup builds and checks the contenders.
	Setup func() (*Field, error)
}

// A Field is the contenders of a scene.
type Field struct {
	Contenders []measure.Contender
	// Absent says which peers do not take part, and why.
	Absent []string
}

// Close releases every contender.
func (f *Field) Close() {
	for _, c := range f.Contenders {
		if c.Close != nil {
			c.Close()
		}
	}
}

// Base returns the name of the first of names that takes part, else of the first contender.
func (f *Field) Base(names []string) string {
	for _, name := range names {
		for _, c := range f.Contenders {
			if c.Name == name {
				return name
			}
		}
	}
	if len(f.Contenders) == 0 {
		return ""
	}
	return f.Contenders[0].Name
}

// All returns every scene but [Gone], which measures a latency and not a rate.
func All() []Scene {
	var all []Scene
	all = append(all, routerScenes()...)
	all = append(all, growthScene(), missScene())
	all = append(all, serverScenes()...)
	all = append(all, pipelineScenes()...)
	all = append(all, middlewareScenes()...)
	return append(all, chainScene(), typedScene())
}

// absent lists peers that cannot take part in a scene. A peer that is listed here
// and could take part, or fails elsewhere, fails the scene: nothing is left out
// silently.
var absent = map[string]map[string]string{
	"router/siblings": {
		"httprouter": "refuses a fixed segment beside a parameter",
	},
}

// each builds a contender with every peer. Peers for which build returns an error
// must stand in absent.
func (f *Field) each(scene string, build func(peers.Peer) ([]measure.Contender, error)) error {
	for _, p := range peers.All() {
		if len(p.Only) > 0 && !slices.ContainsFunc(p.Only, func(prefix string) bool { return strings.HasPrefix(scene, prefix) }) {
			continue
		}
		cs, err := guard(func() ([]measure.Contender, error) { return build(p) })
		why, known := absent[scene][p.Name]
		switch {
		case err != nil && !known:
			return fmt.Errorf("%s: %s: %w", scene, p.Name, err)
		case err == nil && known:
			return fmt.Errorf("%s: %s takes part, yet is listed as absent: %s", scene, p.Name, why)
		case known:
			f.Absent = append(f.Absent, p.Name+": "+why)
		default:
			f.Contenders = append(f.Contenders, cs...)
		}
	}
	return nil
}

// guard turns a panic, by which most routers refuse a route, into an error.
func guard[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}
