package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/scenes"
)

// loop runs one contender and measures nothing, for programs that do: pprof, perf, and
// cachegrind, which counts instructions and misses of caches, the same on a busy machine.
//
//	go build -o bench . && GOGC=off valgrind --tool=cachegrind --cache-sim=yes ./bench loop -n 15000 server/static geist
func loop(_ context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("loop", flag.ContinueOnError)
	n := fs.Int("n", 1_000_000, "how many operations")
	profile := fs.String("cpuprofile", "", "write a profile of the processor's time to this `file`, which go build -pgo takes, too")
	names, helped, err := parse(c, fs, args, "scene", "contender")
	if err != nil || helped {
		return err
	}
	if *n < 1 {
		return fmt.Errorf("-n is %d: at least one operation", *n)
	}
	f, row, err := contender(names[0], names[1])
	if err != nil {
		return err
	}
	defer f.Close()
	if *profile == "" {
		return row.Run(*n)
	}
	w, err := os.Create(*profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		return err
	}
	err = row.Run(*n)
	pprof.StopCPUProfile()
	return errors.Join(err, w.Close())
}

// contender sets a scene up for the one contender that has a name.
func contender(scene, name string) (*scenes.Field, measure.Contender, error) {
	for _, s := range scenes.All() {
		if s.Name != scene {
			continue
		}
		if s.Procs > 0 {
			runtime.GOMAXPROCS(s.Procs)
		}
		f, err := s.Setup(scenes.Choice{Wants: func(peer string) bool { return strings.HasPrefix(name, peer) }})
		if err != nil {
			return nil, measure.Contender{}, err
		}
		for _, row := range f.Contenders {
			if row.Name() == name {
				return f, row, nil
			}
		}
		f.Close()
		return nil, measure.Contender{}, fmt.Errorf("%s has no contender %q: take a name from the table of go run . all -quick -scene '^%s$'", scene, name, scene)
	}
	return nil, measure.Contender{}, fmt.Errorf("there is no scene %q that runs in this process; see go run . list", scene)
}
