package main

import (
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/realtime/servers"
)

// modules returns the modules whose versions a reader of the results needs.
func modules() []string {
	all := []string{"github.com/danielgtaylor/huma/v2", "github.com/goccy/go-json"} // of the scene typed, and of most JSON
	for _, p := range peers.All() {
		all = append(all, p.Module)
	}
	for _, p := range servers.All() {
		all = append(all, p.Module)
	}
	return all
}
