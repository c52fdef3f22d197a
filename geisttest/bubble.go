package geisttest

import (
	"bytes"
	"runtime"
	"time"
)

// Inside a bubble of testing/synctest everything that a test starts must end with it, and time stands
// still at its end. Two goroutines of fasthttp need help: the clock of the Date header, which
// never ends, is not started, so that answers have no such field; the cleaner of the worker pool,
// which looks every so often whether its server has stopped, is given the time to look.

// bubblePause is how often the cleaner looks, in a bubble's time, which costs none.
const bubblePause = time.Second

// inBubble reports whether the caller is in a bubble: no function tells, but a stack does.
//
//	goroutine 7 [running, synctest bubble 1]:
func inBubble() bool {
	buf := make([]byte, 128)
	head, _, _ := bytes.Cut(buf[:runtime.Stack(buf, false)], []byte("\n"))
	return bytes.Contains(head, []byte("synctest bubble"))
}
