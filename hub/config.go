package hub

import (
	"fmt"
	"runtime"
	"time"
)

// Config is what New takes. The zero Config is a hub in this process with the defaults
// given at each field. A negative number where none is allowed makes New panic.
type Config struct {
	// Rooms is how rooms behave, unless Room is set.
	Rooms RoomConfig
	// Room, if set, says how the room of a name behaves; it is asked when a room comes
	// to life, by any goroutine and without a lock. If it panics, the call that asked
	// returns an error.
	Room func(name string) RoomConfig

	// MaxRooms bounds the rooms that exist at a time, in this process. Zero means
	// 1,000,000. A room takes about one KiB, with the first message that it keeps; whoever lets
	// strangers name rooms sets less. More give ErrTooManyRooms.
	MaxRooms int
	// MaxRoomName bounds the name of a room, in bytes. Zero means 256. Longer names
	// give ErrRoomName.
	MaxRoomName int
	// MaxRoomsPerConn bounds the rooms that one connection is in. Zero means 128. More
	// give ErrTooManyRooms.
	MaxRoomsPerConn int
	// MaxConnsPerUser bounds the connections that Attach lets one user have with As, on this
	// node. Zero is no bound. More give ErrTooManyConns.
	MaxConnsPerUser int
	// MaxMessage bounds the Data of a message, in bytes. Zero means 1 MiB; more than 256
	// MiB makes New panic. Longer ones give ErrMessage.
	MaxMessage int
	// MaxShown bounds what a connection shows of itself in a room that keeps presence, in
	// bytes of JSON. Zero means 512. Longer gives ErrShown.
	MaxShown int
	// MaxHistory bounds what all rooms together keep for those who resume, in bytes of
	// messages. Zero means 256 MiB, negative keeps nothing. A room that publishes when it
	// is reached loses its history instead of growing: Stats.HistoryFull counts that.
	MaxHistory int64

	// Backplane connects the hubs of several nodes. Nil means that this one is alone.
	Backplane Backplane
	// Journal keeps the logs of rooms for longer than this process. It cannot be had
	// together with a Backplane, which does that itself if it orders messages: New panics.
	// Publish waits for it, and so does the first Join of a room.
	Journal Journal
	// BackplaneTimeout bounds how long a Join waits for the backplane or the journal, which happens to
	// the first on this node in a room. Zero means 5 s; later gives ErrBackplane.
	BackplaneTimeout time.Duration
}

// RoomConfig is how a room behaves. Each zero field has the default given with it.
type RoomConfig struct {
	// KeepMessages is how many messages a room keeps for those who resume or ask for
	// the Last. Zero means 100, negative none.
	KeepMessages int
	// KeepBytes bounds what is kept, in bytes of Event, ID and Data. Zero means 64 KiB,
	// negative keeps none.
	KeepBytes int
	// KeepFor bounds the age of what is kept, and how long a room that keeps anything
	// outlives its last subscriber and message. Zero means 2 minutes; negative keeps for as long as the hub lives.
	KeepFor time.Duration

	// MaxLagMessages bounds how many messages a connection may stay behind before OnLag
	// is done to it. Zero means 4,096. What it has not received stays in memory for it,
	// once for all that lag.
	MaxLagMessages int
	// MaxLagBytes does so for bytes, as they are on the wire. Zero means 1 MiB.
	MaxLagBytes int
	// OnLag is what happens to a connection that is too far behind. Zero means
	// Disconnect, the only one that a raw WebSocket can do: it has no words for a gap.
	OnLag LagPolicy

	// Coalesce is how long messages may wait so that several leave in one write. Zero
	// sends at once; what is published while a connection is written to leaves in one
	// write in any case. More than a second makes New panic.
	Coalesce time.Duration

	// Presence keeps who is in the room, for Hub.Presence, Hub.Watch and Observe: at most a KiB
	// for each. Rooms without it pay nothing.
	Presence bool
}

// LagPolicy is what happens to a connection that is too far behind.
type LagPolicy uint8

const (
	// Disconnect closes it: a WebSocket with code 1013, a stream by its end. A client
	// that reconnects resumes.
	Disconnect LagPolicy = iota
	// SkipToHead drops all that waits, and tells the gap.
	SkipToHead
	// DropOldest drops as much of what waits longest as is too much, and tells the gap.
	DropOldest
)

// String returns the name of the policy.
func (p LagPolicy) String() string {
	names := [...]string{"Disconnect", "SkipToHead", "DropOldest"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("LagPolicy(%d)", uint8(p))
}

const (
	defaultMaxRooms    = 1_000_000
	defaultMaxName     = 256
	defaultRoomsOfConn = 128
	defaultMaxMessage  = 1 << 20
	mostMessage        = 256 << 20 // an encoding may make eight times as much of it, below 4 GiB
	defaultMaxHistory  = 256 << 20
	defaultMaxShown    = 512
	defaultBusTimeout  = 5 * time.Second

	defaultKeepMessages = 100
	defaultKeepBytes    = 64 << 10
	defaultKeepFor      = 2 * time.Minute
	defaultLagMessages  = 4096
	defaultLagBytes     = 1 << 20
	maxCoalesce         = time.Second
)

// resolve fills in the defaults. It panics on what makes no sense.
func (c Config) resolve() Config {
	positive("MaxRooms", &c.MaxRooms, defaultMaxRooms)
	positive("MaxRoomName", &c.MaxRoomName, defaultMaxName)
	positive("MaxRoomsPerConn", &c.MaxRoomsPerConn, defaultRoomsOfConn)
	positive("MaxMessage", &c.MaxMessage, defaultMaxMessage)
	if c.MaxMessage > mostMessage {
		panic(fmt.Sprintf("hub: Config.MaxMessage is %d", c.MaxMessage))
	}
	positive("MaxConnsPerUser", &c.MaxConnsPerUser, 0)
	positive("MaxShown", &c.MaxShown, defaultMaxShown)
	positive("BackplaneTimeout", &c.BackplaneTimeout, defaultBusTimeout)
	if c.MaxHistory == 0 {
		c.MaxHistory = defaultMaxHistory
	}
	if c.Journal != nil {
		if c.Backplane != nil {
			panic("hub: Config has a Backplane and a Journal")
		}
		c.Backplane = newJournalPlane(c.Journal)
	}
	c.Rooms = c.Rooms.resolve()
	return c
}

// resolve fills in the defaults. It panics on what makes no sense.
func (c RoomConfig) resolve() RoomConfig {
	positive("MaxLagMessages", &c.MaxLagMessages, defaultLagMessages)
	positive("MaxLagBytes", &c.MaxLagBytes, defaultLagBytes)
	orDefault(&c.KeepMessages, defaultKeepMessages)
	orDefault(&c.KeepBytes, defaultKeepBytes)
	orDefault(&c.KeepFor, defaultKeepFor)
	if c.KeepMessages < 0 || c.KeepBytes < 0 {
		c.KeepMessages, c.KeepBytes = 0, 0
	}
	if c.OnLag > DropOldest {
		panic("hub: RoomConfig.OnLag is " + c.OnLag.String())
	}
	if c.Coalesce < 0 || c.Coalesce > maxCoalesce {
		panic("hub: RoomConfig.Coalesce is " + c.Coalesce.String())
	}
	return c
}

func orDefault[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

func positive[T int | time.Duration](name string, v *T, value T) {
	orDefault(v, value)
	if *v < 0 {
		panic(fmt.Sprintf("hub: Config.%s is %v", name, *v))
	}
}

// keeps reports whether a room has a history at all.
func (c *RoomConfig) keeps() bool { return c.KeepMessages > 0 }

// roomConfig asks how the room of a name behaves. The user's function may panic.
func (h *Hub) roomConfig(name string) (c RoomConfig, err error) {
	if h.conf.Room == nil {
		return h.conf.Rooms, nil
	}
	defer catch("Config.Room", &err)
	return h.conf.Room(name).resolve(), nil
}

// catch makes a panic of what the application has given to the hub an error. It is deferred.
func catch(what string, err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: stack(), what: what}
	}
}

// PanicError is returned when Config.Room has panicked, or has returned what makes no
// sense, and when a Journal has panicked: then the error is ErrJournal, too.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is where that was, as runtime.Stack formats it.
	Stack []byte

	what string // has panicked
}

// Error returns the value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("hub: %s panicked: %v", e.what, e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func stack() []byte {
	buf := make([]byte, 8<<10)
	return buf[:runtime.Stack(buf, false)]
}
