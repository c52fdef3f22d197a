package wsproto

import "strconv"

// The status codes of close frames that this package itself gives; others are numbers
// of the application.
const (
	CodeNormal      = 1000
	CodeGoingAway   = 1001
	CodeProtocol    = 1002
	CodeUnsupported = 1003
	CodeNoStatus    = 1005 // never on the wire: the close frame named none
	CodeAbnormal    = 1006 // never on the wire: there was no close frame
	CodeInvalid     = 1007
	CodePolicy      = 1008
	CodeTooBig      = 1009
	CodeInternal    = 1011
	CodeTryLater    = 1013
)

// Error is a violation of the protocol by the peer.
type Error struct {
	// Code is the status code to close with.
	Code uint16
	// Text says what was wrong. It holds nothing that the peer has sent, and fits
	// into a close frame.
	Text string
}

// Error returns the text and the code.
func (e Error) Error() string {
	return "websocket: " + e.Text + " (" + strconv.Itoa(int(e.Code)) + ")"
}

// What peers do wrong.
var (
	errReservedBits    = Error{CodeProtocol, "a reserved bit is set"}
	errOpcode          = Error{CodeProtocol, "the opcode is reserved"}
	errControlFragment = Error{CodeProtocol, "a control frame is fragmented"}
	errControlSize     = Error{CodeProtocol, "a control frame has more than 125 bytes"}
	errSizeForm        = Error{CodeProtocol, "a size is not in its shortest form"}
	errSizeBits        = Error{CodeProtocol, "a size has its highest bit set"}
	errNotMasked       = Error{CodeProtocol, "a frame of a client is not masked"}
	errMasked          = Error{CodeProtocol, "a frame of a server is masked"}
	errNothingToGoOn   = Error{CodeProtocol, "a continuation without a message"}
	errNotContinued    = Error{CodeProtocol, "a message within a message"}
	errClosePayload    = Error{CodeProtocol, "the payload of a close frame has one byte"}
	errCloseCode       = Error{CodeProtocol, "the status code must not be sent"}
	errCloseText       = Error{CodeInvalid, "the reason of a close frame is not UTF-8"}
	errText            = Error{CodeInvalid, "a text message is not UTF-8"}
	errDeflate         = Error{CodeInvalid, "a compressed message is malformed"}
	errTooBig          = Error{CodeTooBig, "a message is too big"}
)
