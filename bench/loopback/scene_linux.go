package loopback

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/loopback/generator"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// Connections of a client.
const (
	// conns is how many most scenes have; those of large bodies have bodyConns, whose buffers
	// would else be all of the memory.
	conns     = 64
	bodyConns = 16
	// openConns is how many open loops have: more, since a request that finds none free
	// waits.
	openConns = 256
	// perConn is how many requests a connection has where connections churn.
	perConn = 10
	// depth is how many requests are on their way on a connection where they are pipelined.
	depth = 16
	// spare is how many files a process has open beside its connections and servers.
	spare = 100
)

// scene is what is sent to every server, and how.
type scene struct {
	name, title string
	app         string // of the peer
	exchange    string // the one that is sent of a plain application
	repeats     bool   // see suite.Scene
	conns       int
	depth       int
	perConn     int
	over        string
	// takes guesses how long it takes with so many servers.
	takes func(set suite.Settings, servers int) time.Duration
	run   func(*bench) error
}

// Suite returns the scenes.
func Suite() []suite.Scene {
	var all []suite.Scene
	for _, s := range scenes() {
		all = append(all, s.suite(peers.All()))
	}
	return all
}

func scenes() []scene {
	hello := scene{
		name: "loopback/hello", title: "over loopback, servers in processes of their own: 13 bytes of text",
		app: appPlain, exchange: "hello", conns: conns, depth: 1, over: overTCP, takes: closedTime, run: (*bench).closed,
	}
	plain := func(exchange, title string, conns int) scene {
		s := hello
		s.name, s.title, s.exchange, s.conns = "loopback/"+exchange, title, exchange, conns
		return s
	}
	api := plain("api", "over loopback, the API mix: 200 routes, request id, client address, CORS, fields for browsers, recovery, typed queries and JSON with validation, errors", conns)
	api.app = appAPI
	all := []scene{hello}
	all = append(all, hello.variants()...)
	all = append(all,
		plain("param", "over loopback: a parameter of the path as text", conns),
		plain("json", "over loopback: JSON of a small struct", conns),
		plain("upload", "over loopback: 1 MiB that the handler reads into memory", bodyConns),
		plain("download", "over loopback: 1 MiB from memory", bodyConns),
		api)
	return append(all, api.variants()...)
}

// variants are the same on other connections and by other clients.
func (s scene) variants() []scene {
	variant := func(name, title string, change func(*scene)) scene {
		v := s
		v.name, v.title = s.name+"/"+name, s.title+"; "+title
		v.repeats = s.app == appPlain && slices.Contains([]string{"latency", "wrk", "k6"}, name) // the same of the mix
		change(&v)
		return v
	}
	all := []scene{
		variant("churn", fmt.Sprintf("a new connection after each %d requests", perConn), func(v *scene) { v.perConn = perConn }),
		variant("pipelined", fmt.Sprintf("%d requests at once on each connection", depth), func(v *scene) { v.depth = depth }),
		variant("tls", "encrypted, TLS 1.3", func(v *scene) { v.over = overTLS }),
		variant("latency", "requests that come evenly, whether the last are answered or not, at parts of the server's own maximum", func(v *scene) {
			v.conns, v.takes, v.run = openConns, latencyTime, (*bench).latency
		}),
	}
	for _, t := range tools() {
		all = append(all, variant(t.name, "by "+t.name+", as a second opinion", func(v *scene) {
			v.takes, v.run = t.takes, func(b *bench) error { return b.tool(t) }
		}))
	}
	return all
}

// suite returns the scene for the suite, of those of all who have the application.
func (s scene) suite(all []peers.Peer) suite.Scene {
	all = slices.Clone(all)
	all = slices.DeleteFunc(all, func(p peers.Peer) bool { return s.builder(p) == nil || !p.In(s.name) })
	return suite.Scene{
		Name: s.name, Title: s.title, Repeats: s.repeats,
		Needs: func(set suite.Settings) suite.Needs {
			n := len(wanted(set, all)) * s.conns
			return suite.Needs{Files: n + spare, Ports: n}
		},
		Expect: func(set suite.Settings) time.Duration { return s.takes(set, len(wanted(set, all))) },
		Run: func(ctx context.Context, out *result.Scene, set suite.Settings, step suite.StepFunc) error {
			return s.measure(ctx, out, set, step, wanted(set, all))
		},
	}
}

// wanted returns those of all that settings ask for.
func wanted(set suite.Settings, all []peers.Peer) []peers.Peer {
	return slices.DeleteFunc(slices.Clone(all), func(p peers.Peer) bool { return !set.Wants(p.Name) })
}

func (s scene) builder(p peers.Peer) func() (peers.App, error) {
	if s.app == appAPI {
		return p.API
	}
	return p.Plain
}

// exchanges returns what is timed, and what is only proved.
func (s scene) exchanges() (timed, others []peers.Exchange) {
	if s.app == appAPI {
		return peers.APIExchanges(), peers.ProofExchanges()
	}
	for _, e := range peers.PlainExchanges() {
		if e.Name == s.exchange {
			timed = append(timed, e)
		} else {
			others = append(others, e)
		}
	}
	return timed, others
}

// config is that of a client for a server that has proved its answers.
func (s scene) config(p *process, exact []generator.Exchange, workers int) generator.Config {
	return generator.Config{
		Addr: p.addr, Exchanges: exact, Conns: s.conns, Workers: workers, Depth: s.depth, PerConn: s.perConn, TLS: p.tls,
	}
}

func rounds(set suite.Settings) int { return suite.Choose(set.Mode, set.Rounds, 10, 3) }

// latencyRounds are fewer: an open loop takes long, and no target is judged by it.
func latencyRounds(set suite.Settings) int { return suite.Choose(set.Mode, set.Rounds, 6, 3) }

func batch(set suite.Settings) time.Duration {
	return suite.Choose(set.Mode, set.Batch, 500*time.Millisecond, 20*time.Millisecond)
}

// setup guesses how long a server takes to start and to prove its answers.
const setup = 150 * time.Millisecond

// closedTime guesses how long closed loops take with so many servers.
func closedTime(set suite.Settings, servers int) time.Duration {
	return time.Duration(servers) * (setup + time.Duration(rounds(set)+1)*(batch(set)+5*time.Millisecond))
}

func latencyTime(set suite.Settings, servers int) time.Duration {
	return time.Duration(servers) * (setup + time.Duration(latencyRounds(set)+1)*batch(set)*time.Duration(1+2*len(shares())))
}
