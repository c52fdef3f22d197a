package scenes

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// Suite returns every scene of this package for the suite.
func Suite() []suite.Scene {
	var all []suite.Scene
	for _, s := range All() {
		all = append(all, suite.Scene{Name: s.Name, Title: s.Title, Expect: s.expect, Run: s.run})
	}
	return append(all, goneScene())
}

// options are how much these scenes measure, unless settings say otherwise.
func options(s suite.Settings) measure.Options {
	return measure.Options{
		Rounds: suite.Choose(s.Mode, s.Rounds, 10, 3),
		Batch:  suite.Choose(s.Mode, s.Batch, 30*time.Millisecond, 2*time.Millisecond),
	}
}

// expect guesses: batches overshoot a little, and garbage is collected before each.
func (s Scene) expect(set suite.Settings) time.Duration {
	o, rows, heavy := options(set), s.rows, s.heavy
	if rows == 0 {
		rows = len(peers.All())
	}
	if set.Mode == result.Quick {
		heavy = 0
	}
	return 300*time.Millisecond + time.Duration(rows*(o.Rounds+2))*(o.Batch*5/4+heavy+2*time.Millisecond)
}

func (s Scene) run(ctx context.Context, out *result.Scene, set suite.Settings, step suite.StepFunc) error {
	if s.Procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.Procs))
	}
	f, err := s.Setup(Choice{
		Wants: set.Wants, Small: set.Mode == result.Quick,
		Enter: func(peer string) { step(suite.Step{Peer: peer}) },
	})
	if err != nil {
		return err
	}
	defer f.Close()
	out.Bases, out.Ordered, out.Absent, out.Failures = s.Bases, s.Keep, f.Absent, f.Failures
	out.Metrics = measure.Metrics(f.Contenders, s.Diff)
	out.Notes = append(out.Notes, fmt.Sprintf("GOMAXPROCS is %d", runtime.GOMAXPROCS(0)))
	if len(f.Contenders) == 0 {
		return nil
	}
	o := options(set)
	o.Step = func(done, total int, peer string) { step(suite.Step{Done: done, Total: total, Peer: peer}) }
	return measure.Compare(ctx, out, f.Contenders, o)
}
