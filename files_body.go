package geist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"

	"github.com/valyala/fasthttp"
)

const (
	// pieceBytes is how much of a file is sent under one write deadline: a client that
	// takes 128 KiB within Config.WriteTimeout may take a large file slowly.
	pieceBytes = 128 << 10
	// copyBytes is the size of the buffers that files are copied with where the kernel
	// cannot send them by itself.
	copyBytes = 32 << 10
)

// copyBuffers holds buffers of copyBytes.
var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// fileBody is the body of an answer that is streamed from a file: its parts one
// after another. It owns the file and closes it, whatever becomes of the answer.
type fileBody struct {
	file  fs.File
	parts []part
	conn  net.Conn // the client's, whose write deadline each piece renews; may be nil
	ready bool     // the file stands where the first part goes on
	kept  bool     // Close is not meant: the response loses its body, not we
	one   [1]part
}

var _ fasthttp.BodyWriterTo = (*fileBody)(nil)

// SupportsBodyWriteTo tells fasthttp to prefer WriteTo.
func (b *fileBody) SupportsBodyWriteTo() bool { return true }

// Close closes the file.
func (b *fileBody) Close() error {
	if b.kept {
		return nil
	}
	return b.file.Close()
}

// takeFrom takes the body out of the response, unread, and returns it as a stream
// that closes the file when it has been performed or abandoned.
func (b *fileBody) takeFrom(c *Ctx) *bodyStream {
	size := c.rc.Response.Header.ContentLength()
	b.kept = true
	c.rc.Response.ResetBody()
	b.kept, b.conn = false, nil // whatever it is written to now has deadlines of its own
	return &bodyStream{
		w: StreamWriter{c: c}, size: size, ran: true,
		f: func(w *StreamWriter) error {
			defer func() { _ = b.Close() }()
			_, err := b.WriteTo(w)
			return err
		},
		dropped: func() { _ = b.Close() },
	}
}

// Read reads the body for those that do not use WriteTo.
func (b *fileBody) Read(p []byte) (int, error) {
	for len(b.parts) > 0 {
		part := &b.parts[0]
		if len(part.head) > 0 {
			n := copy(p, part.head)
			part.head = part.head[n:]
			return n, nil
		}
		if part.n == 0 {
			b.parts, b.ready = b.parts[1:], false
			continue
		}
		if err := b.seek(part.off); err != nil {
			return 0, err
		}
		n, err := b.file.Read(p[:min(int64(len(p)), part.n)])
		part.off, part.n = part.off+int64(n), part.n-int64(n)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, shrunk(err)
		}
	}
	return 0, io.EOF
}

// seek moves the file to where a part begins.
func (b *fileBody) seek(off int64) error {
	if b.ready {
		return nil
	}
	b.ready = true
	if s, ok := b.file.(io.Seeker); ok {
		_, err := s.Seek(off, io.SeekStart)
		return err
	}
	if off != 0 {
		return errors.New("geist: the file cannot seek")
	}
	return nil
}

// shrunk turns the end of a file into an error: it came before the length that the
// header has promised, so that the connection must be cut.
func shrunk(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("geist: the file became shorter while it was sent: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// WriteTo writes the body to w, which is the connection's buffer. To a TCP
// connection the kernel sends a file of the system by itself.
func (b *fileBody) WriteTo(w io.Writer) (total int64, err error) {
	for i := range b.parts {
		part := &b.parts[i]
		n, err := w.Write(part.head)
		if total += int64(n); err != nil {
			return total, err
		}
		if part.n == 0 {
			continue
		}
		b.ready = false
		if err := b.seek(part.off); err != nil {
			return total, err
		}
		sent, err := b.section(w, part.n)
		if total += sent; err != nil {
			return total, err
		}
	}
	return total, nil
}

func (b *fileBody) section(w io.Writer, n int64) (int64, error) {
	if bw, ok := w.(*bufio.Writer); ok && n > smallFile && b.kernelSends() {
		return b.sendfile(bw, n)
	}
	buf := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buf)
	var total int64
	for total < n {
		k, err := b.file.Read(buf[:min(copyBytes, n-total)])
		if k > 0 {
			b.renew()
			written, err := w.Write(buf[:k])
			if total += int64(written); err != nil {
				return total, err
			}
			continue
		}
		if err != nil {
			return total, shrunk(err)
		}
	}
	return total, nil
}

// kernelSends reports whether both ends are the kernel's.
func (b *fileBody) kernelSends() bool {
	if _, ok := b.file.(*os.File); !ok {
		return false
	}
	switch b.conn.(type) {
	case *tcpConn, *net.TCPConn:
		return true
	}
	return false
}

// sendfile writes n bytes of the file by way of (*net.TCPConn).ReadFrom, which the
// buffer passes on to while it is empty.
func (b *fileBody) sendfile(bw *bufio.Writer, n int64) (total int64, err error) {
	if err := bw.Flush(); err != nil {
		return 0, err
	}
	for total < n {
		b.renew()
		piece := io.LimitedReader{R: b.file, N: min(pieceBytes, n-total)}
		k, err := bw.ReadFrom(&piece)
		if total += k; err != nil {
			return total, err
		}
		if k == 0 {
			return total, shrunk(io.EOF)
		}
	}
	return total, nil
}

// renew gives the next piece a write deadline of its own. A foreign server's
// deadlines are its own.
func (b *fileBody) renew() {
	if c, ok := b.conn.(netConn); ok {
		c.state().renewWrite(c.inner())
	}
}
