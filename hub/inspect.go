package hub

import (
	"cmp"
	"slices"
	"strings"
)

// RoomInfo is how a room is doing.
type RoomInfo struct {
	// Name is the name of the room.
	Name string
	// Conns is how many connections of this node are in it.
	Conns int
	// Kept is how many messages it keeps for those who resume.
	Kept int
	// KeptBytes is how many bytes they have.
	KeptBytes int
	// Head is the position of the newest message.
	Head Pos
}

// Rooms returns the largest n rooms on this node, by their connections and then by what
// they keep. It is for people who look at a hub: it visits every room, a shard at a time,
// holds up none, and remembers no more than 2n of them. Of n below 1 there are none.
func (h *Hub) Rooms(n int) []RoomInfo {
	if n < 1 {
		return nil
	}
	var top []RoomInfo
	for i := range h.rooms {
		for _, r := range h.rooms[i].all() {
			if top = append(top, r.info()); len(top)/2 >= n {
				top = largest(top, n)
			}
		}
	}
	return slices.Clone(largest(top, n))
}

func (r *room) info() RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RoomInfo{Name: r.name, Conns: r.members.n, Kept: r.hist.n, KeptBytes: r.hist.bytes, Head: r.head}
}

// largest sorts rooms and returns the first n.
func largest(rooms []RoomInfo, n int) []RoomInfo {
	slices.SortFunc(rooms, func(a, b RoomInfo) int {
		return cmp.Or(cmp.Compare(b.Conns, a.Conns), cmp.Compare(b.KeptBytes, a.KeptBytes), strings.Compare(a.Name, b.Name))
	})
	return rooms[:min(n, len(rooms))]
}

// usersHere returns how many users have a connection on this node.
func (h *Hub) usersHere() (n int) {
	for i := range h.users {
		p := &h.users[i]
		p.mu.RLock()
		n += len(p.m)
		p.mu.RUnlock()
	}
	return n
}
