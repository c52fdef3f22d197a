package geist

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// deadlines counts the write deadlines that are set.
type deadlines struct {
	net.Conn
	last time.Time
}

func (d *deadlines) Write(p []byte) (int, error)        { return len(p), nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.last = t; return nil }

// TestStreamWriter_deadline: Config.WriteTimeout bounds each flush of a stream.
func TestStreamWriter_deadline(t *testing.T) {
	live := &server{writeTimeout: time.Second}
	inner := &deadlines{}
	conn := &anyConn{Conn: inner, connState: connState{live: live}}
	w := &StreamWriter{state: &conn.connState, out: conn}
	for _, now := range []int64{int64(time.Hour), int64(2 * time.Hour), int64(2 * time.Hour), int64(3 * time.Hour)} {
		live.clock.now.Store(now)
		if _, err := w.Write(bytes.Repeat([]byte("x"), streamBufferBytes)); err != nil {
			t.Fatal(err)
		}
		if want := time.Unix(0, now).Add(time.Second + clockTick); !inner.last.Equal(want) {
			t.Errorf("deadline = %s, want %s", inner.last, want)
		}
	}
}
