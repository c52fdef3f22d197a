package control

import "time"

// A request is one line to the server. One field is set.
type request struct {
	Stats *StatsRequest `json:",omitempty"`
	Run   *Run          `json:",omitempty"`
	Churn *Churn        `json:",omitempty"`
	Crowd *Crowd        `json:",omitempty"`
}

// A response is the line that answers it. Err is empty or why it failed.
type response struct {
	Err   string `json:",omitempty"`
	Stats Stats
	Cost  Cost
}

// A Depth says how much of Stats is wanted: to look costs the server time as well.
type Depth int

const (
	// Light is without memory and file descriptors, which take milliseconds to count.
	Light Depth = iota
	// Full is all.
	Full
	// Collected is all, once garbage is collected and memory returned to the system.
	Collected
)

// StatsRequest asks for Stats.
type StatsRequest struct {
	// Depth is how much is wanted.
	Depth Depth
}

// Stats are the state of a server.
type Stats struct {
	// RSS is what of the process is in memory; Heap is live objects on the heap, Stack the
	// goroutines' stacks. Bytes.
	RSS, Heap, Stack int64
	// Goroutines and FDs, open file descriptors, are counts.
	Goroutines, FDs int
	// Members is the number of clients that are in their room.
	Members int
	// CPU is the processor time of the process since its start.
	CPU CPU
}

// CPU is processor time, by getrusage.
type CPU struct {
	User, System time.Duration
}

// Total is the time in both modes.
func (c CPU) Total() time.Duration { return c.User + c.System }

// Sub returns what was used between old and c.
func (c CPU) Sub(old CPU) CPU { return CPU{c.User - old.User, c.System - old.System} }

// A Run is steps of publications, each of which ends when the client has everything.
type Run struct {
	// Steps is their number. In each, every one of Rooms rooms gets Burst messages of
	// Size bytes.
	Steps, Rooms, Burst, Size int
}

// A Churn moves clients between rooms: Moves times one joins a room that is drawn from
// Rooms and, a while later, leaves it.
type Churn struct {
	Moves, Rooms int
}

// A Crowd makes Rooms rooms that nothing is published to: clients join them in turn.
type Crowd struct {
	Rooms int
}

// A Cost is what a server used for a Run or a Churn.
type Cost struct {
	CPU  CPU
	Wall time.Duration
	// Mallocs is the number of objects allocated.
	Mallocs uint64
	// Writes is the number of system calls that write: to sockets and all else. Zero means
	// that the system does not tell.
	Writes int
}
