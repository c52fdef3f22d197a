package main

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/scenes"
	"github.com/gogeist/geist/bench/tables"
)

// geist returns geist's entry.
func geist(t *testing.T) peers.Peer {
	t.Helper()
	all := peers.All()
	i := slices.IndexFunc(all, func(p peers.Peer) bool { return p.Name == "geist" })
	if i < 0 {
		t.Fatal("geist is not among the peers")
	}
	return all[i]
}

// TestGeist_allocations holds DESIGN.md's definition of "allocates nothing": over
// 10⁵ requests, mallocs ≤ bytes of strings read ÷ 2 KiB + 1 %.
func TestGeist_allocations(t *testing.T) {
	geist(t)
	if raceEnabled {
		t.Skip("under the race detector pools drop at random")
	}
	const requests = 100_000
	for _, s := range scenes.All() {
		kind, _, _ := strings.Cut(s.Name, "/")
		if kind != "router" && kind != "server" && kind != "chain" && s.Name != "pipeline/memory" {
			continue
		}
		f, err := s.Setup(scenes.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Contenders {
			if !strings.HasPrefix(c.Peer, "geist") {
				continue
			}
			unit := max(c.Unit, 1)
			n := (requests + unit - 1) / unit * unit
			if err := c.Run(n); err != nil { // fills pools and grows buffers
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := c.Run(n); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			got := after.Mallocs - before.Mallocs
			want := uint64(n/unit*c.StringBytes/2048 + n/100)
			if got > want {
				t.Errorf("%s, %s: %d mallocs over %d requests that read %d bytes, want at most %d",
					s.Name, c.Name(), got, n, n/unit*c.StringBytes, want)
			}
		}
		f.Close()
	}
}

// TestGeist_sameServerSettings: the peers' server has the limits of geist's.
func TestGeist_sameServerSettings(t *testing.T) {
	app, err := geist(t).Build(peers.Spec{Table: tables.One("settings", "/hello")})
	if err != nil {
		t.Fatal(err)
	}
	// The default content type stays on for peers: it saves them setting one. Streams are how
	// geist reads bodies; peers have them whole, which is the quicker way.
	ignore := []string{"NoDefaultContentType", "StreamRequestBody"}
	got, want := reflect.ValueOf(peers.FastServer(nil)).Elem(), reflect.ValueOf(app.FastServer).Elem()
	for i := range got.NumField() {
		field := got.Type().Field(i)
		if !field.IsExported() || slices.Contains(ignore, field.Name) {
			continue
		}
		switch field.Type.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int64, reflect.String:
			if a, b := got.Field(i).Interface(), want.Field(i).Interface(); a != b {
				t.Errorf("fasthttp.Server.%s = %v for the peers, %v for geist", field.Name, a, b)
			}
		}
	}
}
