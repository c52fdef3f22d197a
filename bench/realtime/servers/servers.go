// Package servers builds the same server with every library of the real-time scenes: one
// file each, which a maintainer of that library can correct alone.
//
// Each uses the library's own idiom, with its own defaults where nothing else is said. A
// server has rooms: who asks for /room?room=… is in that room from then on, and what
// Publish is given reaches everybody in it once, in order and unchanged. /echo sends back
// what it gets. Clients and messages are in package wire.
package servers

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// A Spec says what a server is for.
type Spec struct {
	// Rooms is the number of rooms that clients will be in. With one, libraries that
	// know no rooms may send to all.
	Rooms int
	// SendBuffer, if not zero, is the size in bytes of the buffer that the kernel has for
	// each connection. Otherwise that grows to megabytes for a client that does not read.
	SendBuffer int
	// Procs is the GOMAXPROCS of the process. Zero leaves it.
	Procs int
}

// A Server is what a peer has built.
type Server struct {
	// Serve serves a listener. It returns when that is closed, or not at all: the
	// process ends with its input.
	Serve func(net.Listener) error
	// Publish sends p, which it may keep, to everybody in a room.
	Publish func(room string, p []byte) error
	// Flush, if there is one, follows the last publication of a burst.
	Flush func() error
	// Members is the number of clients that have joined their room and not left.
	Members func() int
	// Each returns the clients as they are now, in no order, where the library lets
	// the server put clients into rooms; else it is nil.
	Each func() []Member
}

// A Member is a client that the server moves between rooms.
type Member interface {
	Join(room string) error
	Leave(room string) error
}

// A Peer is one library, in one configuration.
type Peer struct {
	// Name is how it is called in tables.
	Name string
	// Module is the module whose version is printed; empty for the standard library.
	Module string
	// Protocol is how clients speak to it.
	Protocol wire.Protocol
	// Note says in a few words what is special about it.
	Note string
	// Floor marks servers that are no rival but a limit: nothing but system calls.
	Floor bool
	// Batches marks a variant that differs from another in bursts only, and takes part in
	// no other scene.
	Batches bool
	// Resumes marks a variant that keeps a history for clients who come back, and takes part
	// in the scene of those only.
	Resumes bool
	// NoEcho, NoChurn and NoStall say why a peer takes no part in a scene; empty means it does.
	NoEcho, NoChurn, NoStall string
	// NoResume says why no variant of a peer takes part in the scenes of clients who come back.
	NoResume string
	// Build makes a server. The server lasts as long as its process.
	Build func(Spec) (Server, error)
}

// All returns the peers.
func All() []Peer {
	var all []Peer
	all = append(all, geistPeers()...)
	all = append(all, gorillaPeer(), melodyPeer(), gwsPeer(), coderPeer())
	all = append(all, centrifugePeers()...)
	all = append(all, fasthttpPeer())
	all = append(all, geistRoomsPeer())
	all = append(all, centrifugeRecoveryPeers()...)
	all = append(all, bareSocketPeers()...)
	all = append(all, netHTTPPeer())
	all = append(all, goSSEPeers()...)
	all = append(all, r3labsPeer())
	return append(all, bareStreamPeers()...)
}

// A Missing is a library that is nobody's server here.
type Missing struct {
	// Name is how it would be called, Protocol what it would speak, and Why the reason.
	Name     string
	Protocol wire.Protocol
	Why      string
}

// Missed returns who a reader may look for in vain.
func Missed() []Missing {
	return []Missing{{
		"fiber", wire.WebSocket,
		"module proxies do not serve github.com/gofiber/contrib/v3/websocket, and contrib/websocket is for Fiber v2; both wrap fasthttp/websocket, which takes part",
	}}
}

// Find returns the peer of a name.
func Find(name string) (Peer, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("no server is called %q", name)
}

// Settings that several peers share.
const (
	// queue is the number of messages that wait for one client: that of gorilla's chat
	// example and of melody.
	queue = 256
	// Heartbeats, likewise.
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
	// kept is how many messages a room keeps for clients who come back, and keptFor how long:
	// what geist's hub does by itself.
	kept    = 100
	keptFor = 2 * time.Minute
	// readLimit is the most that a client may send in one message.
	readLimit = 64 << 10
)

// httpServer returns a server of net/http with the timeouts that a server on the open net
// has. Those for reading and writing a request would cut long streams.
func httpServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second}
}

// roster is who is in which room, for libraries that leave that to the application.
type roster[C comparable] struct {
	mu    sync.RWMutex
	rooms map[string]map[C]struct{} // guarded by mu
	n     int                       // guarded by mu
}

func newRoster[C comparable]() *roster[C] {
	return &roster[C]{rooms: map[string]map[C]struct{}{}}
}

func (r *roster[C]) join(room string, c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members := r.rooms[room]
	if members == nil {
		members = map[C]struct{}{}
		r.rooms[room] = members
	}
	members[c] = struct{}{}
	r.n++
}

func (r *roster[C]) leave(room string, c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	members := r.rooms[room]
	if _, ok := members[c]; !ok {
		return
	}
	delete(members, c)
	r.n--
	if len(members) == 0 {
		delete(r.rooms, room)
	}
}

func (r *roster[C]) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.n
}

// each calls f for everybody in a room, under a lock that others may share.
func (r *roster[C]) each(room string, f func(C)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for c := range r.rooms[room] {
		f(c)
	}
}

// all calls f for everybody.
func (r *roster[C]) all(f func(C)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, members := range r.rooms {
		for c := range members {
			f(c)
		}
	}
}
