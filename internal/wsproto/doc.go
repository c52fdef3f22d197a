// Package wsproto is the WebSocket protocol (RFC 6455) with permessage-deflate (RFC 7692)
// and without a connection: bytes come in, units come out, in both roles. It does no
// input or output, starts no goroutine and keeps no buffer while nothing is in progress.
//
//	bytes of a socket ──Reader.Next──▶ Unit: a message, a ping, a pong, a close
//	a payload ──AppendFrame──▶ bytes for a socket
//
// It is strict: what RFC 6455 forbids is an [Error] with the status code to close with,
// as early as the bytes tell, whatever the pieces are that they come in.
package wsproto
