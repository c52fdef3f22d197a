// Package scenes defines what is compared: each scene sets its contenders up,
// checks that every one of them answers correctly, and hands them to
// internal/measure or to testing.B.
package scenes

import (
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
)

// A Scene is one comparison of rates.
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
	// Grows asks for the exponent with which a cost grows with the N of the rows.
	Grows bool
	// rows is about how many contenders there are; zero means one for each peer. heavy is
	// what garbage collection adds to a batch.
	rows  int
	heavy time.Duration
	// setup builds and checks the contenders.
	setup func(*Field) error
}

// A Field is the contenders of a scene.
type Field struct {
	Contenders []measure.Contender
	// Absent says which peers do not take part, and why.
	Absent []result.Absence
	// Failures are peers that should.
	Failures []result.Failure

	choice Choice
}

// A Choice says which contenders are built. The zero Choice means all.
type Choice struct {
	// Wants chooses peers by name. It may be nil.
	Wants func(peer string) bool
	// Small leaves out what takes seconds to build: tables of 10,000 routes.
	Small bool
	// Enter is told before the contenders of a peer are built. It may be nil.
	Enter func(peer string)
}

// Setup builds contenders and checks their answers. The caller closes the field.
func (s Scene) Setup(c Choice) (*Field, error) {
	f := &Field{choice: c}
	if err := s.setup(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close releases every contender.
func (f *Field) Close() {
	for _, c := range f.Contenders {
		if c.Close != nil {
			c.Close()
		}
	}
}

// All returns every scene that measures rates: all but [GoneScene].
func All() []Scene {
	var all []Scene
	all = append(all, routerScenes()...)
	all = append(all, growthScene(), growthBodyScene(), growthHeadersScene(), missScene())
	all = append(all, serverScenes()...)
	all = append(all, apiScene())
	all = append(all, pipelineScenes()...)
	all = append(all, middlewareScenes()...)
	return append(all, chainScene(), bindScene(), typedScene())
}

// absent lists peers that cannot take part in a scene. A peer that is listed here
// and could take part, or fails elsewhere, fails the scene: nothing is left out
// silently.
var absent = map[string]map[string]string{
	"router/siblings": {
		"httprouter": "refuses a fixed segment beside a parameter",
	},
}

// each builds contenders with every peer. A peer for which build returns an error or
// panics fails, unless absent knows.
func (f *Field) each(scene string, build func(peers.Peer) ([]measure.Contender, error)) {
	for _, p := range peers.All() {
		if !p.In(scene) {
			continue
		}
		why, known := absent[scene][p.Name]
		f.one(p.Name, why, known, func() ([]measure.Contender, error) {
			cs, err := build(p)
			for i := range cs {
				cs[i].Floor = p.Handwritten
			}
			return cs, err
		})
	}
}

// one adds what build returns for a peer: contenders, or the failure that it is. A peer that
// is known to be absent must fail, and is absent then.
func (f *Field) one(peer, why string, known bool, build func() ([]measure.Contender, error)) {
	if f.choice.Wants != nil && !f.choice.Wants(peer) {
		return
	}
	if f.choice.Enter != nil {
		f.choice.Enter(peer)
	}
	cs, err := guard(build)
	if err == nil && known {
		err, known = fmt.Errorf("takes part, yet is listed as absent: %s", why), false
	}
	switch {
	case err == nil:
		f.Contenders = append(f.Contenders, cs...)
		return
	case known:
		f.Absent = append(f.Absent, result.Absence{Peer: peer, Reason: why})
	default:
		f.Failures = append(f.Failures, result.Failure{Peer: peer, What: err.Error()})
	}
	for _, c := range cs {
		if c.Close != nil {
			c.Close()
		}
	}
}

// guard turns a panic, by which most routers refuse a route, into an error.
func guard[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}
