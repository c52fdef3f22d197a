package main

import (
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/realtime/servers"
)

// modules returns the modules whose versions a reader of the results needs.
func modules() []string {
	// Of the scene typed, of most JSON, and of the rules in most peers.
	all := []string{"github.com/danielgtaylor/huma/v2", "github.com/goccy/go-json", "github.com/go-playground/validator/v10"}
	for _, p := range peers.All() {
		all = append(all, p.Module)
	}
	for _, p := range servers.All() {
		all = append(all, p.Module)
	}
	return all
}
