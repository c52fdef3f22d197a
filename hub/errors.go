package hub

import "errors"

// What the methods of a Hub return; test with errors.Is.
var (
	// ErrClosed means that the hub has been shut down.
	ErrClosed = errors.New("hub: closed")
	// ErrConnClosed means that the connection has ended or is about to.
	ErrConnClosed = errors.New("hub: connection closed")
	// ErrNoConn means that no connection has that id or user. With a Backplane it is
	// never returned: the connection may be on any node.
	ErrNoConn = errors.New("hub: no such connection")
	// ErrOtherHub means that the connection belongs to another hub.
	ErrOtherHub = errors.New("hub: connection belongs to another hub")
	// ErrJoined means that the connection is in the room already.
	ErrJoined = errors.New("hub: already in the room")
	// ErrRoomName means that the name of a room is empty, longer than
	// Config.MaxRoomName, or begins with NUL.
	ErrRoomName = errors.New("hub: bad room name")
	// ErrTooManyRooms means that Config.MaxRooms, Config.MaxRoomsPerConn or what the
	// transport can follow (16 rooms a stream) is reached.
	ErrTooManyRooms = errors.New("hub: too many rooms")
	// ErrCannotTell means that the connection's transport has no words for what the room would
	// have to tell: gaps, which the room's OnLag makes, or with Observe who is there. A
	// raw WebSocket has neither, a stream of events has those for gaps.
	ErrCannotTell = errors.New("hub: connection cannot be told")
	// ErrMessage means that a message breaks a rule that is written at Message, or is
	// longer than Config.MaxMessage.
	ErrMessage = errors.New("hub: bad message")
	// ErrTooManyConns means that Config.MaxConnsPerUser is reached.
	ErrTooManyConns = errors.New("hub: too many connections of one user")
	// ErrUnknownOutcome means that the history of a room does not reach back to where Once
	// has to look: the message may have been published before, or not.
	ErrUnknownOutcome = errors.New("hub: the message may have been published or not")
	// ErrNotJoined means that the connection is not in the room.
	ErrNotJoined = errors.New("hub: not in the room")
	// ErrNoPresence means that RoomConfig.Presence is not set for the room.
	ErrNoPresence = errors.New("hub: the room keeps no presence")
	// ErrShown means that what Show was given cannot be marshalled, is not UTF-8, or is longer than
	// Config.MaxShown.
	ErrShown = errors.New("hub: cannot be shown")
	// ErrLagged means that a Subscription was too far behind, in a room whose OnLag is
	// Disconnect. Another one can resume behind the last Delivery.
	ErrLagged = errors.New("hub: too far behind")
	// ErrBackplane means that other nodes could not be reached. What was to be
	// published has been delivered to nobody, as far as this node can tell.
	ErrBackplane = errors.New("hub: backplane")
)
