package main

import (
	"slices"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
	"github.com/gogeist/geist/bench/targets"
)

// Every target is computed of scenes that there are, and a quick run leaves none of the
// others out but those that repeat.
func TestCatalogue(t *testing.T) {
	names := map[string]bool{}
	for _, s := range catalogue() {
		names[s.Name] = true
	}
	for _, target := range targets.All() {
		for _, scene := range target.Scenes {
			if !names[scene] {
				t.Errorf("%s, %s: there is no scene %s", target.Group, target.Name, scene)
			}
		}
	}
	quick, full := job{Settings: suite.Settings{Mode: result.Quick}}, job{Settings: suite.Settings{Mode: result.Full}}
	named := job{Settings: suite.Settings{Mode: result.Quick}}
	for j, scene := range map[*job]string{&quick: "", &full: "", &named: "."} {
		if err := j.resolve(scene, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	left := slices.DeleteFunc(catalogue(), func(s suite.Scene) bool { return s.Repeats })
	if len(quick.scenes) != len(left) || len(left) == len(names) || len(full.scenes) != len(names) || len(named.scenes) != len(names) {
		t.Errorf("%d scenes in a quick run, %d in one of named scenes, %d in a full one; want %d, %d and %d",
			len(quick.scenes), len(named.scenes), len(full.scenes), len(left), len(names), len(names))
	}
	for mode, most := range map[*job]time.Duration{&quick: 2 * time.Minute, &full: 90 * time.Minute} {
		if got := mode.expectation(); got > most {
			t.Errorf("a run takes about %v, want at most %v", got, most)
		}
	}
}
