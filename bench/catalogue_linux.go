package main

import (
	"slices"

	"github.com/gogeist/geist/bench/realtime"
	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/scenes"
	"github.com/gogeist/geist/bench/suite"
	"github.com/gogeist/geist/bench/transfer"
)

// catalogue returns every scene, in the order in which they run.
func catalogue() []suite.Scene {
	return slices.Concat(scenes.Suite(), realtime.Suite(), []suite.Scene{transfer.Scene()})
}

// children are what this program is when a scene starts it again.
func children() []func(args []string) (bool, error) {
	return []func([]string) (bool, error){control.ServeArgs, transfer.ServeArgs}
}
