package geistclient

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxPost is how much is sent in one POST, in bytes, unless a single frame is longer. Servers take
// 128 KiB by default.
const maxPost = 64 << 10

var errEventLong = errors.New("geistclient: an event is longer than Config.MaxFrame")

// events is a stream of events, and POSTs of what is sent.
type events struct {
	client *http.Client
	header http.Header
	url    string
	key    string
	body   io.ReadCloser
	lines  *bufio.Reader
	limit  int
	heard  func()
	stop   context.CancelFunc
}

func (c *Client) dialEvents(ctx context.Context, heard func()) (transport, error) {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, stop) // until the stream has begun
	s := &events{
		client: c.conf.HTTPClient, header: c.conf.Header, url: withProtocol(c.url),
		limit: c.conf.MaxFrame, heard: heard, stop: stop,
	}
	err := s.open(life)
	if !detach() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		stop()
		if s.body != nil {
			_ = s.body.Close()
		}
		return nil, err
	}
	return s, nil
}

// open makes the stream and reads its key.
func (s *events) open(life context.Context) error {
	req, err := s.request(life, http.MethodGet, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-store")
	endless := *s.client
	endless.Timeout = 0
	resp, err := endless.Do(req) //nolint:bodyclose // abort does
	if err != nil {
		return err
	}
	s.body = resp.Body
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != "text/event-stream" {
		return &Error{Code: codeVersion, Text: fmt.Sprintf("the server has answered with %q, not with a stream of events", t)}
	}
	s.lines = bufio.NewReader(resp.Body)
	return s.readKey(life)
}

func (s *events) readKey(life context.Context) error {
	p, err := s.read(life)
	if err != nil {
		return err
	}
	f, err := parseJSON(p)
	if err == nil && f.name == "stream" {
		err = f.arg(0, &s.key)
	}
	switch {
	case err != nil:
		return err
	case s.key == "":
		return errFrame
	}
	return nil
}

func (s *events) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if s.header != nil {
		req.Header = s.header.Clone()
	}
	return req, nil
}

// read returns the data of the next event. It ends with the stream, or with close: the ctx that the request
// was made with decides, not this one, so it is watched.
func (s *events) read(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, s.stop)()
	var data []byte
	for {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		s.heard()
		if len(line) == 0 {
			if data != nil {
				return data, nil
			}
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue // a comment, an id, a name: not of this protocol
		}
		if len(data)+len(value) > s.limit {
			return nil, errEventLong
		}
		if data != nil {
			data = append(data, '\n')
		}
		data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
	}
}

// line returns the next line without its end, LF or CR LF, valid until the next call.
func (s *events) line() ([]byte, error) {
	line, err := s.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			var more []byte
			more, err = s.lines.ReadSlice('\n')
			line = append(line, more...)
			if len(line) > s.limit+len("data: \r\n") {
				return nil, errEventLong
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}

// write sends the frames in POSTs, one after the other: two could overtake each other.
func (s *events) write(ctx context.Context, frames [][]byte) error {
	for len(frames) > 0 {
		n, size := 1, len(frames[0])
		for n < len(frames) && size+len(frames[n]) < maxPost {
			size += len(frames[n]) + 1
			n++
		}
		body := append([]byte("["), bytes.Join(frames[:n], []byte(","))...)
		if err := s.post(ctx, append(body, ']')); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

func (s *events) post(ctx context.Context, body []byte) error {
	req, err := s.request(ctx, http.MethodPost, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Geist-Stream", s.key)
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<10) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return statusError(resp)
	}
	return nil
}

func (s *events) compact() bool { return false }

func (s *events) close() { s.abort() }

func (s *events) abort() {
	s.stop()
	_ = s.body.Close()
}
