package geistclient

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// model is a slow, obvious server of rooms. It keeps everything, so that clients that resume miss
// nothing, and notices what a client must not do.
type model struct {
	t  *testing.T
	mu sync.Mutex
	r  *rand.Rand // guarded by mu, like what follows

	calm     bool // nothing is refused, and nothing is sent twice
	rooms    map[string]*modelRoom
	sessions map[string]*modelConn
	repeated int // pubs that were known already
	rated    int // commands that were refused
	resumed  int // joins behind a place
}

// modelRoom is a log.
type modelRoom struct {
	ids     []string // of all messages; their offsets are twice their numbers, from 2 on
	data    []string
	members map[*modelConn]bool
}

type modelConn struct {
	conn    *conn
	author  string
	lastPub uint64
	over    bool
	wake    chan struct{}
	out     []string // guarded by model.mu
}

const modelEpoch = "e1"

func newModel(t *testing.T, r *rand.Rand) *model {
	return &model{t: t, r: r, rooms: map[string]*modelRoom{}, sessions: map[string]*modelConn{}}
}

// serve serves each connection of s in a goroutine, until s is stopped.
func (m *model) serve(s *server) {
	for {
		select {
		case p := <-s.conns:
			go m.speak(p)
		case <-s.ln.closed:
			return
		}
	}
}

// speak ends with the connection.
func (m *model) speak(p *conn) {
	x := &modelConn{conn: p, wake: make(chan struct{}, 1)}
	go m.write(x)
	for {
		select {
		case f := <-p.in:
			m.mu.Lock()
			if !x.over {
				m.receive(x, elements(f))
			}
			m.mu.Unlock()
		case <-p.gone:
			m.mu.Lock()
			m.endLocked(x)
			m.mu.Unlock()
			return
		}
	}
}

// write writes what is queued, and ends with the connection.
func (m *model) write(x *modelConn) {
	for {
		select {
		case <-x.wake:
		case <-x.conn.gone:
			return
		}
		m.mu.Lock()
		out := x.out
		x.out = nil
		m.mu.Unlock()
		for _, f := range out {
			if f == "" {
				x.conn.cut()
				return
			}
			x.conn.send(f)
		}
	}
}

func (m *model) endLocked(x *modelConn) {
	x.over = true
	for _, r := range m.rooms {
		delete(r.members, x)
	}
}

func (m *model) say(x *modelConn, format string, args ...any) {
	x.out = append(x.out, fmt.Sprintf(format, args...))
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// receive does a command. Long on purpose: one case for each.
func (m *model) receive(x *modelConn, f []any) {
	name := f[0].(string)
	if name == "hello" {
		session := f[1].(map[string]any)["session"].(string)
		x.author = author(session)
		if old := m.sessions[session]; old != nil && !old.over {
			m.endLocked(old)
			m.say(old, `["bye","replaced"]`)
			m.say(old, "") // cut
		}
		m.sessions[session] = x
		m.say(x, `["welcome",{"conn":"c","author":%q}]`, x.author)
		return
	}
	ref, _ := f[1].(json.Number).Int64()
	if !m.calm && name != "leave" && m.r.IntN(50) == 0 {
		m.rated++
		m.say(x, `["error",%d,"rate","",{"retry":%d}]`, ref, m.r.IntN(200))
		return
	}
	switch name {
	case "ping":
		m.say(x, `["ok",%d]`, ref)
	case "join":
		m.join(x, ref, f[2].(string), options(f, 3))
	case "leave":
		if r := m.room(f[2].(string)); r.members[x] {
			delete(r.members, x)
			m.say(x, `["ok",%d]`, ref)
		} else {
			m.say(x, `["error",%d,"not_joined"]`, ref)
		}
	case "pub":
		m.publish(x, uint64(ref), f[2].(string), f[3], options(f, 4))
	}
}

func options(f []any, i int) map[string]any {
	if i < len(f) {
		return f[i].(map[string]any)
	}
	return nil
}

func (m *model) room(name string) *modelRoom {
	if m.rooms[name] == nil {
		m.rooms[name] = &modelRoom{members: map[*modelConn]bool{}}
	}
	return m.rooms[name]
}

// since returns how many of the messages lie at or before a place.
func (m *model) since(r *modelRoom, o map[string]any) (n int, given bool) {
	pair, ok := o["since"].([]any)
	if !ok {
		return len(r.ids), false
	}
	offset, _ := pair[1].(json.Number).Int64()
	if pair[0] != modelEpoch || offset%2 != 0 || int(offset)/2 > len(r.ids) {
		m.t.Errorf("since %v, at a head of %d", pair, 2*len(r.ids))
	}
	return int(offset) / 2, true
}

func (m *model) join(x *modelConn, ref int64, name string, o map[string]any) {
	r := m.room(name)
	if r.members[x] {
		m.t.Errorf("join of %s, where the client is already", name)
	}
	r.members[x] = true
	from, resumes := m.since(r, o)
	if resumes {
		m.resumed++
	}
	m.say(x, `["joined",%d,%q,{"epoch":%q,"offset":%d,"head":%d,"recovered":%t}]`, ref, name, modelEpoch, 2*from, 2*len(r.ids), resumes)
	for i := from; i < len(r.ids); i++ {
		m.deliver(x, name, i)
	}
}

func (m *model) deliver(x *modelConn, name string, i int) {
	r := m.rooms[name]
	m.say(x, `["m",%q,%d,%s,%q]`, name, 2*(i+1), r.data[i], r.ids[i])
	if !m.calm && m.r.IntN(20) == 0 {
		m.say(x, `["m",%q,%d,%s,%q]`, name, 2*(i+1), r.data[i], r.ids[i]) // to be dropped
	}
}

func (m *model) publish(x *modelConn, ref uint64, name string, data any, o map[string]any) {
	r := m.room(name)
	id := fmt.Sprintf("%s.%d", x.author, ref)
	from, again := m.since(r, o)
	known := -1
	for i, old := range r.ids {
		if old == id {
			known = i
		}
	}
	switch {
	case !again && (known >= 0 || ref <= x.lastPub):
		m.t.Errorf("first attempt with ref %d: known as %d, the last ref was %d", ref, known, x.lastPub)
	case known >= 0 && known < from:
		m.t.Errorf("pub %d again, behind %d: it is before that", ref, 2*from)
	case known >= 0:
		m.repeated++
		m.say(x, `["ok",%d,{"epoch":%q,"offset":%d}]`, ref, modelEpoch, 2*(known+1))
		return
	}
	x.lastPub = max(x.lastPub, ref)
	text, _ := json.Marshal(data)
	r.ids, r.data = append(r.ids, id), append(r.data, string(text))
	early := m.r.IntN(2) == 0
	if early {
		m.say(x, `["ok",%d,{"epoch":%q,"offset":%d}]`, ref, modelEpoch, 2*len(r.ids))
	}
	for member := range r.members {
		m.deliver(member, name, len(r.ids)-1)
	}
	if !early {
		m.say(x, `["ok",%d,{"epoch":%q,"offset":%d}]`, ref, modelEpoch, 2*len(r.ids))
	}
}

// cutter makes connections that break after some bytes, in the middle of whatever is under way, and
// that are slow at times.
type cutter struct {
	mu    sync.Mutex
	r     *rand.Rand // guarded by mu
	calm  bool       // guarded by mu
	count int        // guarded by mu
}

func (x *cutter) wrap(c net.Conn) net.Conn {
	x.mu.Lock()
	defer x.mu.Unlock()
	return &cutConn{Conn: c, cutter: x, left: 300 + x.r.IntN(4000)}
}

// spend takes n bytes off a connection, and returns how many there are, and for how long to wait before.
func (x *cutter) spend(c *cutConn, n int) (allowed int, wait time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.r.IntN(4) == 0 {
		wait = time.Duration(x.r.IntN(20)) * time.Millisecond
	}
	if x.calm {
		return n, wait
	}
	allowed = min(n, c.left)
	c.left -= allowed
	if allowed < n && !c.cut {
		c.cut = true
		x.count++
	}
	return allowed, wait
}

type cutConn struct {
	net.Conn
	cutter *cutter
	left   int  // guarded by cutter.mu
	cut    bool // guarded by cutter.mu
}

func (c *cutConn) Write(p []byte) (int, error) {
	allowed, wait := c.cutter.spend(c, len(p))
	time.Sleep(wait)
	n, err := c.Conn.Write(p[:allowed])
	if err == nil && n < len(p) {
		_ = c.Conn.Close()
		err = net.ErrClosed
	}
	return n, err
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil || n == 0 {
		return n, err
	}
	allowed, wait := c.cutter.spend(c, n)
	time.Sleep(wait)
	if allowed < n {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, nil
}

// own reports whether an id is of a message of that author.
func own(id, author string) bool { return strings.HasPrefix(id, author+".") }
