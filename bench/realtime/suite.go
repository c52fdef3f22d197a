//go:build linux

package realtime

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// Suite returns every scene of this package for the suite.
func Suite() []suite.Scene {
	var all []suite.Scene
	for _, s := range All() {
		wanted := func(set suite.Settings) (n int) {
			for _, p := range s.speakers() {
				if set.Wants(p.Name) {
					n++
				}
			}
			return n
		}
		all = append(all, suite.Scene{
			Name: s.Name, Title: s.Title, Repeats: s.Repeats,
			Needs:  func(set suite.Settings) suite.Needs { return s.needs(options(set), wanted(set)) },
			Expect: func(set suite.Settings) time.Duration { return s.expect(options(set), wanted(set)) },
			Run: func(ctx context.Context, out *result.Scene, set suite.Settings, step suite.StepFunc) error {
				o := options(set)
				o.Step = step
				return s.Run(ctx, out, o)
			},
		})
	}
	return all
}

// options are how much these scenes measure, unless settings say otherwise.
func options(s suite.Settings) Options {
	o := Options{
		Exe: s.Exe, Wants: s.Wants,
		Rounds:    suite.Choose(s.Mode, s.Rounds, 10, 3),
		Batch:     suite.Choose(s.Mode, s.Batch, 500*time.Millisecond, 20*time.Millisecond),
		FewRounds: suite.Choose(s.Mode, s.Rounds, 6, 3),
		Trials:    suite.Choose(s.Mode, s.Trials, 3, 1),
		Conns:     suite.Choose(s.Mode, s.Conns, 1000, 100),
		Crowd:     suite.Choose(s.Mode, s.Crowd, 100_000, 500),
		Rest:      max(suite.Choose(s.Mode, s.Rest, 12*time.Second, -1), 0),
		Forget:    max(suite.Choose(s.Mode, s.Forget, 30*time.Second, 2*time.Second), 0),
		Held:      holdings(s), Small: s.Mode == result.Quick,
		// A server that its slowest client has stopped is waited for as long.
		Patience: suite.Choose(s.Mode, 0, 15*time.Second, 3*time.Second),
	}
	if s.Verbose {
		o.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	return o
}

// holdings are the numbers of idle clients. Memory of a connection differs little from trial
// to trial, and less the more there are: few trials do.
func holdings(s suite.Settings) []Holding {
	if len(s.Held) == 0 && s.Mode != result.Quick {
		return []Holding{
			{Conns: 1000, Trials: cmp.Or(s.Trials, 2)},
			{Conns: 5000, Trials: cmp.Or(s.Trials, 1)},
			{Conns: 15_000, Trials: cmp.Or(s.Trials, 2), Core: true},
		}
	}
	if len(s.Held) == 0 {
		return []Holding{{Conns: 100, Trials: cmp.Or(s.Trials, 1)}}
	}
	var all []Holding
	for _, n := range s.Held {
		all = append(all, Holding{Conns: n, Trials: suite.Choose(s.Mode, s.Trials, 3, 1)})
	}
	return all
}

// batches guesses the time of scenes whose servers take turns.
func batches(o Options, servers int) time.Duration {
	return time.Duration(servers) * (time.Duration(o.Rounds+2)*(o.Batch*5/4+5*time.Millisecond) +
		80*time.Millisecond + time.Duration(o.Conns)*400*time.Microsecond)
}

// spare is how many files a process needs beside those of its connections.
const spare = 100

// crowdOf needs so many connections to each server, all at once.
func crowdOf(conns func(Options) int) func(Options, int) suite.Needs {
	return func(o Options, servers int) suite.Needs {
		return suite.Needs{Files: servers*conns(o) + spare, Ports: conns(o)}
	}
}

// alone needs so many connections to one server after the other.
func alone(conns func(Options) int) func(Options, int) suite.Needs {
	return func(o Options, _ int) suite.Needs { return suite.Needs{Files: conns(o) + spare, Ports: conns(o)} }
}
