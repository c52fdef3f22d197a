package hub

import "github.com/gogeist/geist/internal/hubwire"

// mostTold is how many members Observe tells.
const mostTold = 1000

// Observe tells the connection who is in the room, and how that changes.
func Observe() JoinOption { return JoinOption{most: mostTold} }

// ObserveUpTo is for transports: it is Observe with another bound on the members of a list.
// Zero means 1,000.
func ObserveUpTo(_ hubwire.Key, members int) JoinOption {
	if members <= 0 {
		members = mostTold
	}
	return JoinOption{most: members}
}
