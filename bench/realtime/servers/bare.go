//go:build unix

package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// The floors: no library, a loop over the sockets of a room with one write(2) each. The
// batched ones gather a burst and write it at once, which is the least that any server can
// do. They know no slow client: one that does not take a whole write is an error.

const (
	bareUpgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	bareStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
)

func bareSocketPeers() []Peer {
	return barePeers("", wire.WebSocket, bareUpgrade, func(b, p []byte) []byte { return wire.AppendFrame(b, wire.Text, p) })
}

func bareStreamPeers() []Peer {
	return barePeers(" (events)", wire.EventStream, bareStream, wire.AppendEvent)
}

func barePeers(suffix string, proto wire.Protocol, answer string, encode func(b, p []byte) []byte) []Peer {
	peer := func(name, note string, batch bool) Peer {
		return Peer{
			Name: name + suffix, Protocol: proto, Floor: true, Batches: batch, Note: note,
			NoEcho: "it does not read", NoChurn: "its rooms are a map by hand", NoStall: "it knows no slow client",
			Build: func(Spec) (Server, error) {
				s := &bareServer{
					rooms: newRoster[*bareClient](), answer: answer, encode: encode,
					batch: batch, pending: map[string][]byte{},
				}
				return Server{Serve: s.serve, Publish: s.publish, Flush: s.flush, Members: s.rooms.len}, nil
			},
		}
	}
	return []Peer{
		peer("write(2)", "one system call a delivery", false),
		peer("write(2), batched", "one system call a burst", true),
	}
}

type bareServer struct {
	rooms   *roster[*bareClient]
	answer  string
	encode  func(b, p []byte) []byte
	batch   bool
	buf     []byte            // of the one goroutine that publishes
	pending map[string][]byte // likewise; by room
}

type bareClient struct {
	fd int // of a connection that its goroutine keeps open
}

func (s *bareServer) serve(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go s.client(conn)
	}
}

// client is a client's whole life; it ends when the client leaves.
func (s *bareServer) client(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReaderSize(conn, 2<<10))
	if err != nil {
		return
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	c := &bareClient{}
	if raw.Control(func(fd uintptr) { c.fd = int(fd) }) != nil {
		return
	}
	if _, err := io.WriteString(conn, s.answer); err != nil {
		return
	}
	room := req.URL.Query().Get("room")
	s.rooms.join(room, c)
	defer s.rooms.leave(room, c) // waits for those who write
	_, _ = io.Copy(io.Discard, conn)
}

func (s *bareServer) publish(room string, p []byte) error {
	if s.batch {
		s.pending[room] = s.encode(s.pending[room], p)
		return nil
	}
	s.buf = s.encode(s.buf[:0], p)
	return s.write(room, s.buf)
}

func (s *bareServer) flush() error {
	var errs []error
	for room, b := range s.pending {
		if len(b) > 0 {
			errs = append(errs, s.write(room, b))
			s.pending[room] = b[:0]
		}
	}
	return errors.Join(errs...)
}

func (s *bareServer) write(room string, b []byte) (err error) {
	s.rooms.each(room, func(c *bareClient) {
		if n, e := syscall.Write(c.fd, b); e != nil || n < len(b) {
			err = fmt.Errorf("wrote %d of %d bytes: %w", n, len(b), errors.Join(e, err))
		}
	})
	return err
}
