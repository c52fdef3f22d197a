package geist_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/wsproto"
)

// The conformance suite sends raw bytes to an echo server over loopback and compares all
// that comes back, frame by frame, up to the end of the connection. Its chapters are those of
// the Autobahn test suite, its cases are made from the tables in wsconformance_*_test.go,
// and it is strict: one outcome only is right, and violations must be noticed with the
// first byte that tells (chapter 6). Left out, with the reason:
//
//   - 6.12 to 6.22 of Autobahn send noncharacters and the like, which are valid: they are in
//     the exhaustive tests of internal/wsproto.
//   - 8 is not defined by Autobahn.
//   - 11 is not defined by Autobahn.
//   - 12 and 13 of Autobahn vary the sizes of random data 1,000 times a case; here each case
//     has fewer messages.
//   - server_no_context_takeover=false and the like of chapter 13 are offers that are
//     declined; TestNegotiate has them.

// wsCase is one conversation.
type wsCase struct {
	id    string
	name  string
	path  string   // of the echo server; "" is /echo
	more  []string // header lines of the handshake
	send  [][]byte // written one by one
	want  []string // frames, as frameText has them, and "EOF"
	until bool     // the client sends no close frame: want ends with what the server does
}

// closing is what ends a case in which all is well.
var closing = clientFrame(wsproto.Close, true, string(wsproto.AppendClose(nil, 1000, "")))

func clientFrame(op wsproto.Opcode, fin bool, payload string) []byte {
	return wsproto.AppendMasked(nil, op, fin, false, wsMask, []byte(payload))
}

// rawFrame is a frame with any first byte, masked.
func rawFrame(first byte, payload string) []byte {
	b := clientFrame(wsproto.Text, true, payload)
	b[0] = first
	return b
}

// bad is the outcome of a violation: our close frame, and the end.
func bad(code int, reason string) []string {
	return []string{fmt.Sprintf("close %d %s", code, reason), "EOF"}
}

// What the server says of violations.
const (
	saysReserved = "a reserved bit is set"
	saysOpcode   = "the opcode is reserved"
	saysSplit    = "a control frame is fragmented"
	saysSize     = "a control frame has more than 125 bytes"
	saysNothing  = "a continuation without a message"
	saysWithin   = "a message within a message"
	saysText     = "a text message is not UTF-8"
	saysMask     = "a frame of a client is not masked"
	saysForm     = "a size is not in its shortest form"
	saysBits     = "a size has its highest bit set"
	saysPayload  = "the payload of a close frame has one byte"
	saysCode     = "the status code must not be sent"
	saysReason   = "the reason of a close frame is not UTF-8"
	saysBig      = "a message is too big"
	saysDeflate  = "a compressed message is malformed"
)

// suite collects cases.
type suite struct {
	chapter string
	n       int
	cases   []wsCase
}

// add adds a case and numbers it.
func (s *suite) add(name string, send [][]byte, want ...string) *wsCase {
	s.n++
	s.cases = append(s.cases, wsCase{id: fmt.Sprintf("%s.%d", s.chapter, s.n), name: name, send: send, want: want})
	return &s.cases[len(s.cases)-1]
}

// ok adds a case that ends well.
func (s *suite) ok(name string, send [][]byte, want ...string) *wsCase {
	return s.add(name, append(slices.Clone(send), closing), append(slices.Clone(want), "close 1000", "EOF")...)
}

// fails adds a case whose violation the server must answer at once.
func (s *suite) fails(name string, send [][]byte, want ...string) *wsCase {
	c := s.add(name, send, want...)
	c.until = true
	return c
}

// chop cuts bytes into pieces of a size.
func chop(p []byte, size int) [][]byte { return slices.Collect(slices.Chunk(p, size)) }

// conformanceCases are all cases.
func conformanceCases() []wsCase {
	var all []wsCase
	for _, chapter := range []struct {
		id   string
		make func(*suite)
	}{
		{"1", casesFraming}, {"2", casesPings}, {"3", casesReserved}, {"4", casesOpcodes}, {"5", casesFragments},
		{"6", casesText}, {"7", casesClose}, {"9", casesLimits}, {"10", casesAutoFragment},
		{"12", casesDeflate}, {"13", casesWindows},
	} {
		s := &suite{chapter: chapter.id}
		chapter.make(s)
		all = append(all, s.cases...)
	}
	return all
}

// conformanceLimit is the limit of the suite's server.
const conformanceLimit = 256 << 10

func TestWSConformance(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard(), DrainIdle: -1, WebSocket: geist.WebSocketConfig{MaxMessageBytes: conformanceLimit}})
	app.WS("/echo", echo)
	app.WS("/z", echo, geist.Compression(1))
	addr := serveWS(t, app)
	cases := conformanceCases()
	if len(cases) < 500 {
		t.Errorf("got %d cases, want at least 500", len(cases))
	}
	t.Logf("%d cases", len(cases))
	work := make(chan wsCase)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // it ends with the cases
			for c := range work {
				if got := converse(addr, c); got != "" {
					t.Errorf("case %s, %s: %s", c.id, c.name, got)
				}
			}
		})
	}
	for _, c := range cases {
		work <- c
	}
	close(work)
	wg.Wait()
}

// converse holds one conversation and returns what was wrong with it.
func converse(addr string, c wsCase) (problem string) {
	tb := &failer{}
	defer tb.end()
	defer func() {
		if v := recover(); v != nil {
			if v != errFailed {
				panic(v)
			}
			problem = tb.said
		}
	}()
	client := openWS(tb, addr, strings.Replace("/"+strings.TrimPrefix(c.path, "/"), "//", "/", 1)+map[bool]string{true: "echo"}[c.path == ""], c.more...)
	wrote := make(chan struct{})
	go func() { // it ends when all is written or the connection has ended
		defer close(wrote)
		for _, p := range c.send {
			if _, err := client.conn.Write(p); err != nil {
				return
			}
		}
	}()
	for i, want := range c.want {
		h, p, err := client.readFrame()
		got := ""
		switch {
		case err == io.EOF:
			got = "EOF"
		case err != nil:
			got = err.Error()
		case h.RSV1:
			inflated, err := wsproto.Inflate(p, 1<<24)
			if err != nil {
				return fmt.Sprintf("frame %d: %v", i+1, err)
			}
			got = frameText(h, inflated)
		default:
			got = frameText(h, p)
		}
		if got != want {
			return fmt.Sprintf("frame %d: got %.80q (%d bytes), want %.80q (%d bytes)", i+1, got, len(got), want, len(want))
		}
	}
	<-wrote
	return ""
}

// failer is a testing.TB for conversations off the test's goroutine.
type failer struct {
	testing.TB
	said     string
	cleanups []func()
}

var errFailed = fmt.Errorf("the conversation has failed")

func (*failer) Helper()            {}
func (f *failer) Cleanup(g func()) { f.cleanups = append(f.cleanups, g) }

func (f *failer) Fatal(args ...any) { f.Fatalf("%s", fmt.Sprint(args...)) }

func (f *failer) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(errFailed)
}

func (f *failer) end() {
	for _, g := range f.cleanups {
		g()
	}
}

// casesFraming sends messages of all sizes at which headers change, whole and in pieces.
func casesFraming(s *suite) {
	for _, op := range []wsproto.Opcode{wsproto.Text, wsproto.Binary} {
		name := map[wsproto.Opcode]string{wsproto.Text: "text", wsproto.Binary: "binary"}[op]
		for _, size := range []int{0, 1, 2, 124, 125, 126, 127, 128, 129, 255, 256, 4095, 4096, 4097, 8191, 8192, 8193, 65534, 65535, 65536, 65537} {
			payload := strings.Repeat("*", size)
			want := strings.TrimSpace(name + " " + payload)
			s.ok(fmt.Sprintf("%s of %d", name, size), [][]byte{clientFrame(op, true, payload)}, want)
			frame := clientFrame(op, true, payload)
			for _, piece := range []int{1, 3, 997} {
				if len(frame)/piece > 300 {
					continue
				}
				s.ok(fmt.Sprintf("%s of %d in pieces of %d", name, size, piece), chop(frame, piece), want)
			}
		}
	}
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		h := wsproto.Header{Fin: true, Op: wsproto.Binary, Size: uint64(size)}
		s.fails(fmt.Sprintf("not masked, of %d", size), [][]byte{h.Append(nil)}, bad(1002, saysMask)...)
	}
	for name, head := range map[string][]byte{
		"0 in 16 bits":        {0x82, 0xFE, 0, 0},
		"125 in 16 bits":      {0x82, 0xFE, 0, 125},
		"0 in 64 bits":        {0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0},
		"126 in 64 bits":      {0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 126},
		"65535 in 64 bits":    {0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF},
		"1 in 64, a fragment": {0x02, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1},
	} {
		s.fails(name, [][]byte{head}, bad(1002, saysForm)...)
	}
	for _, top := range []byte{0x80, 0xC0, 0xFF} {
		s.fails(fmt.Sprintf("size with first byte %#x", top), [][]byte{{0x82, 0xFF, top}}, bad(1002, saysBits)...)
	}
}

// casesPings sends pings and pongs, alone and between other frames.
func casesPings(s *suite) {
	for _, size := range []int{0, 1, 2, 10, 124, 125} {
		payload := strings.Repeat("p", size)
		want := strings.TrimSpace("pong " + payload)
		s.ok(fmt.Sprintf("ping of %d", size), [][]byte{clientFrame(wsproto.Ping, true, payload)}, want)
		s.ok(fmt.Sprintf("ping of %d byte by byte", size), chop(clientFrame(wsproto.Ping, true, payload), 1), want)
		s.ok(fmt.Sprintf("unasked pong of %d", size), [][]byte{clientFrame(wsproto.Pong, true, payload)})
		s.ok(fmt.Sprintf("unasked pong of %d, then a ping", size), [][]byte{clientFrame(wsproto.Pong, true, payload), clientFrame(wsproto.Ping, true, "x")}, "pong x")
	}
	s.ok("ping of bytes", [][]byte{clientFrame(wsproto.Ping, true, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}, "pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff")
	for _, size := range []int{126, 127, 200, 65536} {
		s.fails(fmt.Sprintf("ping of %d", size), [][]byte{clientFrame(wsproto.Ping, true, strings.Repeat("p", size))}, bad(1002, saysSize)...)
		s.fails(fmt.Sprintf("pong of %d", size), [][]byte{clientFrame(wsproto.Pong, true, strings.Repeat("p", size))}, bad(1002, saysSize)...)
	}
	for _, n := range []int{2, 10} {
		var send [][]byte
		var want []string
		for i := range n {
			send = append(send, clientFrame(wsproto.Ping, true, fmt.Sprint(i)))
			want = append(want, fmt.Sprint("pong ", i))
		}
		s.ok(fmt.Sprintf("%d pings", n), send, want...)
		s.ok(fmt.Sprintf("%d pings at once", n), [][]byte{bytes.Join(send, nil)}, want...)
		s.ok(fmt.Sprintf("%d pings byte by byte", n), chop(bytes.Join(send, nil), 1), want...)
	}
}

// casesReserved sets the reserved bits on every kind of frame.
func casesReserved(s *suite) {
	for bits := byte(1); bits < 8; bits++ {
		for _, op := range []wsproto.Opcode{wsproto.Text, wsproto.Binary, wsproto.Close, wsproto.Ping, wsproto.Pong} {
			frame := rawFrame(0x80|bits<<4|byte(op), "x")
			s.fails(fmt.Sprintf("bits %03b on opcode %d", bits, op), [][]byte{frame}, bad(1002, saysReserved)...)
			s.fails(fmt.Sprintf("bits %03b on opcode %d behind a message", bits, op),
				[][]byte{clientFrame(wsproto.Text, true, "ok"), frame}, append([]string{"text ok"}, bad(1002, saysReserved)...)...)
		}
		s.fails(fmt.Sprintf("bits %03b on a continuation", bits),
			[][]byte{clientFrame(wsproto.Text, false, "a"), rawFrame(0x80|bits<<4, "b")}, bad(1002, saysReserved)...)
		if bits == 4 {
			continue // RSV1: chapter 12
		}
		c := s.fails(fmt.Sprintf("bits %03b with compression", bits), [][]byte{rawFrame(0x81|bits<<4, "x")}, bad(1002, saysReserved)...)
		c.path, c.more = "/z", offerDeflate
	}
}

// casesOpcodes sends every reserved opcode.
func casesOpcodes(s *suite) {
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, payload := range []string{"", "x", strings.Repeat("x", 125)} {
			frame := rawFrame(0x80|op, payload)
			s.fails(fmt.Sprintf("opcode %d with %d bytes", op, len(payload)), [][]byte{frame}, bad(1002, saysOpcode)...)
		}
		s.fails(fmt.Sprintf("opcode %d not final", op), [][]byte{{op}}, bad(1002, saysOpcode)...)
		s.fails(fmt.Sprintf("opcode %d behind a message", op),
			[][]byte{clientFrame(wsproto.Text, true, "ok"), rawFrame(0x80|op, ""), clientFrame(wsproto.Ping, true, "")},
			append([]string{"text ok"}, bad(1002, saysOpcode)...)...)
	}
}
