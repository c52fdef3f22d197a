//go:build !linux

package main

import (
	"github.com/gogeist/geist/bench/scenes"
	"github.com/gogeist/geist/bench/suite"
)

// catalogue returns every scene. Those of real time and of transfers are for Linux only: they
// count processor time and memory as Linux shows them, and their clients wait on epoll.
func catalogue() []suite.Scene { return scenes.Suite() }

// children are what this program is when a scene starts it again.
func children() []func(args []string) (bool, error) { return nil }
