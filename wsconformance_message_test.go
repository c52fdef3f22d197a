package geist_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/gogeist/geist/internal/wsproto"
)

// casesFragments sends messages in fragments, with control frames between, and fragments
// that cannot be.
func casesFragments(s *suite) {
	text, more, ping, pong := wsproto.Text, wsproto.Continuation, wsproto.Ping, wsproto.Pong
	type frames = [][]byte
	for _, op := range []wsproto.Opcode{text, wsproto.Binary} {
		name := map[wsproto.Opcode]string{text: "text", wsproto.Binary: "binary"}[op]
		base := []struct {
			name string
			send frames
			want []string
		}{
			{"two", frames{clientFrame(op, false, "frag1"), clientFrame(more, true, "frag2")}, []string{name + " frag1frag2"}},
			{"three", frames{clientFrame(op, false, "a"), clientFrame(more, false, "b"), clientFrame(more, true, "c")}, []string{name + " abc"}},
			{"empty first", frames{clientFrame(op, false, ""), clientFrame(more, true, "b")}, []string{name + " b"}},
			{"empty last", frames{clientFrame(op, false, "a"), clientFrame(more, true, "")}, []string{name + " a"}},
			{"all empty", frames{clientFrame(op, false, ""), clientFrame(more, false, ""), clientFrame(more, true, "")}, []string{name}},
			{"a ping between", frames{clientFrame(op, false, "a"), clientFrame(ping, true, "p"), clientFrame(more, true, "b")}, []string{"pong p", name + " ab"}},
			{"a pong between", frames{clientFrame(op, false, "a"), clientFrame(pong, true, "p"), clientFrame(more, true, "b")}, []string{name + " ab"}},
			{"pings between", frames{clientFrame(op, false, "a"), clientFrame(ping, true, "1"), clientFrame(more, false, "b"), clientFrame(ping, true, "2"), clientFrame(more, true, "c")}, []string{"pong 1", "pong 2", name + " abc"}},
			{"two messages", frames{clientFrame(op, false, "a"), clientFrame(more, true, "b"), clientFrame(op, false, "c"), clientFrame(more, true, "d")}, []string{name + " ab", name + " cd"}},
			{"a fragmented and a whole message", frames{clientFrame(op, false, "a"), clientFrame(more, true, "b"), clientFrame(op, true, "c")}, []string{name + " ab", name + " c"}},
		}
		for _, b := range base {
			s.ok(fmt.Sprintf("%s: %s", name, b.name), b.send, b.want...)
			s.ok(fmt.Sprintf("%s: %s, at once", name, b.name), frames{bytes.Join(b.send, nil)}, b.want...)
			s.ok(fmt.Sprintf("%s: %s, byte by byte", name, b.name), chop(bytes.Join(b.send, nil), 1), b.want...)
		}
		for _, final := range []bool{false, true} {
			nothing := clientFrame(more, final, "x")
			s.fails(fmt.Sprintf("%s: a continuation of nothing, final %v", name, final), frames{nothing}, bad(1002, saysNothing)...)
			s.fails(fmt.Sprintf("%s: a continuation behind a message, final %v", name, final),
				frames{clientFrame(op, true, "ok"), nothing}, append([]string{name + " ok"}, bad(1002, saysNothing)...)...)
			s.fails(fmt.Sprintf("%s: a continuation behind a fragmented message, final %v", name, final),
				frames{clientFrame(op, false, "o"), clientFrame(more, true, "k"), nothing}, append([]string{name + " ok"}, bad(1002, saysNothing)...)...)
			for _, second := range []wsproto.Opcode{text, wsproto.Binary} {
				s.fails(fmt.Sprintf("%s: a message within, opcode %d, final %v", name, second, final),
					frames{clientFrame(op, false, "a"), clientFrame(second, final, "b")}, bad(1002, saysWithin)...)
				s.fails(fmt.Sprintf("%s: a message within, behind a ping, opcode %d, final %v", name, second, final),
					frames{clientFrame(op, false, "a"), clientFrame(ping, true, "p"), clientFrame(second, final, "b")},
					append([]string{"pong p"}, bad(1002, saysWithin)...)...)
			}
		}
	}
	for _, op := range []wsproto.Opcode{ping, pong, wsproto.Close} {
		s.fails(fmt.Sprintf("opcode %d fragmented", op), frames{clientFrame(op, false, "a"), clientFrame(more, true, "b")}, bad(1002, saysSplit)...)
		s.fails(fmt.Sprintf("opcode %d fragmented within a message", op), frames{clientFrame(text, false, "a"), clientFrame(op, false, "b")}, bad(1002, saysSplit)...)
	}
	s.ok("a close frame within a message", frames{clientFrame(text, false, "a")})
}

// goodText are texts that must come back.
var goodText = []string{
	"", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff",
	"\U00010000", "\U0003ffff", "\U000fffff", "\U0010ffff", "\ufdd0\ufdef\ufffe", "中文", "العربية", "🙂🙃", "a\u0300", "\ufeffBOM",
}

// badText are texts with the number of bytes with which they have become wrong.
var badText = []struct {
	text string
	at   int
}{
	{"\x80", 1}, {"\xbf", 1}, {"\xc0\x80", 1}, {"\xc1\xbf", 1}, {"\xf5\x80", 1}, {"\xfe", 1}, {"\xff", 1}, {"\xf8\x88", 1}, {"\xfc\x84", 1},
	{"\xc2A", 2}, {"\xc2\xc2", 2}, {"\xdf\x7f", 2}, {"\xe0\x80\x80", 2}, {"\xe0\x9f\xbf", 2}, {"\xe1\x80A", 3}, {"\xed\xa0\x80", 2},
	{"\xed\xbf\xbf", 2}, {"\xed\xad\xbf\xed\xb0\x80", 2}, {"\xef\xbfA", 3}, {"\xf0\x80\x80\x80", 2}, {"\xf0\x8f\xbf\xbf", 2},
	{"\xf0\x90\x80A", 4}, {"\xf1A", 2}, {"\xf4\x90\x80\x80", 2}, {"\xf4\x8f\xbf\xc0", 4}, {"κόσμε\xed\xa0\x80edited", 13},
	{"a\x80", 2}, {"12345678\xff", 9}, {"1234567890123456\xc0\xaf", 17},
}

// casesText sends text, good and bad, whole, in fragments and byte by byte. What is bad is
// noticed with the byte that makes it so, though more is announced.
func casesText(s *suite) {
	text, more := wsproto.Text, wsproto.Continuation
	for _, good := range goodText {
		want := strings.TrimSpace("text " + good)
		s.ok(fmt.Sprintf("%q", good), [][]byte{clientFrame(text, true, good)}, want)
		s.ok(fmt.Sprintf("%q byte by byte", good), chop(clientFrame(text, true, good), 1), want)
		var send [][]byte
		for i := range len(good) {
			op := more
			if i == 0 {
				op = text
			}
			send = append(send, clientFrame(op, i == len(good)-1, good[i:i+1]))
		}
		if len(send) > 0 {
			s.ok(fmt.Sprintf("%q in fragments of one byte", good), send, want)
		}
	}
	for _, b := range badText {
		wrong := bad(1007, saysText)
		s.fails(fmt.Sprintf("%q", b.text), [][]byte{clientFrame(text, true, b.text)}, wrong...)
		first := b.text[:b.at]
		frame := clientFrame(text, true, first+strings.Repeat("x", 100))
		s.fails(fmt.Sprintf("%q, the rest is missing", b.text), [][]byte{frame[:6+b.at]}, wrong...)
		s.fails(fmt.Sprintf("%q in the first fragment", b.text), [][]byte{clientFrame(text, false, first)}, wrong...)
		s.fails(fmt.Sprintf("%q across fragments", b.text), [][]byte{clientFrame(text, false, first[:b.at-1]), clientFrame(more, false, first[b.at-1:])}, wrong...)
		s.ok(fmt.Sprintf("%q as binary", b.text), [][]byte{clientFrame(wsproto.Binary, true, b.text)}, "binary "+b.text)
	}
	for _, cut := range []string{"\xc2", "\xe1", "\xe1\x80", "\xf1", "\xf1\x80", "\xf1\x80\x80", "κόσμ\xce"} {
		s.fails(fmt.Sprintf("%q ends too soon", cut), [][]byte{clientFrame(text, true, cut)}, bad(1007, saysText)...)
		s.fails(fmt.Sprintf("%q ends too soon in the last fragment", cut), [][]byte{clientFrame(text, false, cut), clientFrame(more, true, "")}, bad(1007, saysText)...)
	}
}

// casesClose sends close frames with every kind of code and reason, and more behind them.
func casesClose(s *suite) {
	closeFrame := func(payload string) [][]byte { return [][]byte{clientFrame(wsproto.Close, true, payload)} }
	withCode := func(code int, reason string) string {
		return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
	}
	s.add("without a payload", closeFrame(""), "close 1005", "EOF")
	s.add("a payload of one byte", closeFrame("\x03"), bad(1002, saysPayload)...)
	s.add("a message before", [][]byte{clientFrame(wsproto.Text, true, "a"), closing}, "text a", "close 1000", "EOF")
	s.add("a message behind", [][]byte{closing, clientFrame(wsproto.Text, true, "a")}, "close 1000", "EOF")
	s.add("a ping behind", [][]byte{closing, clientFrame(wsproto.Ping, true, "a")}, "close 1000", "EOF")
	s.add("another close frame behind", [][]byte{closing, closing}, "close 1000", "EOF")
	s.add("a violation behind", [][]byte{closing, {0xFF, 0xFF}}, "close 1000", "EOF")
	s.add("within a message", [][]byte{clientFrame(wsproto.Text, false, "a"), closing, clientFrame(wsproto.Continuation, true, "b")}, "close 1000", "EOF")
	s.add("byte by byte", chop(closing, 1), "close 1000", "EOF")
	for _, size := range []int{1, 5, 122, 123} {
		s.add(fmt.Sprintf("a reason of %d", size), closeFrame(withCode(1000, strings.Repeat("r", size))), "close 1000", "EOF")
	}
	s.fails("a reason of 124", closeFrame(withCode(1000, strings.Repeat("r", 124))), bad(1002, saysSize)...)
	for _, reason := range goodText {
		s.add(fmt.Sprintf("reason %q", reason), closeFrame(withCode(1000, reason)), "close 1000", "EOF")
	}
	for _, b := range badText {
		s.add(fmt.Sprintf("reason %q", b.text), closeFrame(withCode(1000, b.text)), bad(1007, saysReason)...)
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999} {
		s.add(fmt.Sprintf("code %d", code), closeFrame(withCode(code, "")), fmt.Sprintf("close %d", code), "EOF")
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32768, 65535} {
		s.add(fmt.Sprintf("code %d", code), closeFrame(withCode(code, "")), bad(1002, saysCode)...)
	}
}

// casesLimits sends messages up to the limit and beyond, whole and in fragments.
func casesLimits(s *suite) {
	for _, op := range []wsproto.Opcode{wsproto.Text, wsproto.Binary} {
		name := map[wsproto.Opcode]string{wsproto.Text: "text", wsproto.Binary: "binary"}[op]
		for _, size := range []int{16 << 10, 64 << 10, 100_000, conformanceLimit - 1, conformanceLimit} {
			payload := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			s.ok(fmt.Sprintf("%s of %d", name, size), [][]byte{clientFrame(op, true, payload)}, name+" "+payload)
			for _, piece := range []int{1000, 8192, 65536} {
				s.ok(fmt.Sprintf("%s of %d in pieces of %d", name, size, piece), chop(clientFrame(op, true, payload), piece), name+" "+payload)
				var send [][]byte
				for i := 0; i < size; i += piece {
					op := op
					if i > 0 {
						op = wsproto.Continuation
					}
					send = append(send, clientFrame(op, i+piece >= size, payload[i:min(i+piece, size)]))
				}
				s.ok(fmt.Sprintf("%s of %d in fragments of %d", name, size, piece), send, name+" "+payload)
			}
		}
		for _, size := range []uint64{conformanceLimit + 1, 1 << 20, 1 << 32, 1<<63 - 1} {
			h := wsproto.Header{Fin: true, Masked: true, Op: op, Size: size}
			s.fails(fmt.Sprintf("%s that announces %d", name, size), [][]byte{h.Append(nil)}, bad(1009, saysBig)...)
			h.Fin = false
			s.fails(fmt.Sprintf("a fragment of %s that announces %d", name, size), [][]byte{h.Append(nil)}, bad(1009, saysBig)...)
		}
		h := wsproto.Header{Fin: true, Masked: true, Op: wsproto.Continuation, Size: conformanceLimit}
		s.fails(name+" whose last fragment is too much", [][]byte{clientFrame(op, false, "x"), h.Append(nil)}, bad(1009, saysBig)...)
	}
}

// casesAutoFragment checks that answers come in one frame, however messages came.
func casesAutoFragment(s *suite) {
	payload := strings.Repeat("*", 65536)
	s.ok("one frame back", [][]byte{clientFrame(wsproto.Text, true, payload)}, "text "+payload)
	var send [][]byte
	for i, part := range chop([]byte(payload), 1300) {
		op := wsproto.Text
		if i > 0 {
			op = wsproto.Continuation
		}
		send = append(send, clientFrame(op, i == len(payload)/1300, string(part)))
	}
	s.ok("one frame back for many", send, "text "+payload)
}

// offerDeflate is the usual offer.
var offerDeflate = []string{"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"}

// zFrames is a message, compressed, in fragments of a size.
func zFrames(op wsproto.Opcode, payload string, size int) (frames [][]byte) {
	z := wsproto.AppendDeflated(nil, []byte(payload))
	for i := 0; i == 0 || i < len(z); i += size {
		end := min(i+size, len(z))
		frames = append(frames, wsproto.AppendMasked(nil, op, end == len(z), i == 0, wsMask, z[i:end]))
		op = wsproto.Continuation
	}
	return frames
}

// zText describes the frame that comes back for a message: compressed unless that were
// longer.
func zText(kind, payload string) string {
	if len(payload) > 0 && len(wsproto.AppendDeflated(nil, []byte(payload))) < len(payload) {
		kind = "z" + kind
	}
	return strings.TrimSpace(kind + " " + payload)
}

// casesDeflate sends compressed messages of many sizes and kinds, and malformed ones.
func casesDeflate(s *suite) {
	add := func(c *wsCase) { c.path, c.more = "/z", offerDeflate }
	kinds := map[string]func(int) string{
		"one byte again": func(n int) string { return strings.Repeat("*", n) },
		"JSON":           func(n int) string { return strings.Repeat(`{"id":1,"name":"geist"},`, n/24+1)[:n] },
		"noise": func(n int) string {
			b, x := make([]byte, n), uint32(1)
			for i := range b {
				x = x*1664525 + 1013904223
				b[i] = ' ' + byte(x>>24)%90
			}
			return string(b)
		},
	}
	for _, kind := range []string{"one byte again", "JSON", "noise"} {
		for _, size := range []int{0, 1, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072} {
			payload := kinds[kind](size)
			add(s.ok(fmt.Sprintf("%s, %d bytes", kind, size), zFrames(wsproto.Text, payload, 1<<30), zText("text", payload)))
			add(s.ok(fmt.Sprintf("%s, %d bytes in fragments", kind, size), zFrames(wsproto.Binary, payload, max(size/7, 1)), zText("binary", payload)))
		}
	}
	var send [][]byte
	var want []string
	for i := range 20 {
		payload := kinds["JSON"](100 * i)
		send = append(send, zFrames(wsproto.Text, payload, 1<<30)...)
		want = append(want, zText("text", payload))
	}
	add(s.ok("twenty messages", send, want...))
	add(s.ok("a plain message beside", [][]byte{clientFrame(wsproto.Text, true, "plain")}, "text plain"))
	add(s.ok("a ping between fragments", slices.Insert(zFrames(wsproto.Text, "Hello Hello Hello Hello", 4), 1, clientFrame(wsproto.Ping, true, "p")), "pong p", zText("text", "Hello Hello Hello Hello")))
	add(s.ok("a last block", [][]byte{wsproto.AppendMasked(nil, wsproto.Text, true, true, wsMask, []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})}, "text Hello"))
	add(s.fails("a bomb", zFrames(wsproto.Text, strings.Repeat("\x00", 16<<20), 1<<30), bad(1009, saysBig)...))
	add(s.fails("a byte over the limit", zFrames(wsproto.Binary, strings.Repeat("x", conformanceLimit+1), 1<<30), bad(1009, saysBig)...))
	add(s.fails("not DEFLATE", [][]byte{rawFrame(0xC1, "\x07\x07")}, bad(1007, saysDeflate)...))
	add(s.fails("cut", [][]byte{rawFrame(0xC1, "\xf2\x48\xcd")}, bad(1007, saysDeflate)...))
	add(s.fails("text that inflates to what is no UTF-8", zFrames(wsproto.Text, "\xed\xa0\x80", 1<<30), bad(1007, saysText)...))
	add(s.fails("RSV1 on a continuation", [][]byte{wsproto.AppendMasked(nil, wsproto.Text, false, true, wsMask, []byte{0xf2}), rawFrame(0xC0, "x")}, bad(1002, saysReserved)...))
	for _, op := range []byte{8, 9, 10} {
		add(s.fails(fmt.Sprintf("RSV1 on opcode %d", op), [][]byte{rawFrame(0xC0|op, "")}, bad(1002, saysReserved)...))
	}
}

// casesWindows agrees on every window and sends messages around its size: longer ones must
// come back plain.
func casesWindows(s *suite) {
	for bits := 8; bits <= 15; bits++ {
		for _, size := range []int{100, 1<<bits - 1, 1 << bits, 1<<bits + 1, 1 << (bits + 1)} {
			payload := strings.Repeat("geist ", size/6+1)[:size]
			want := zText("text", payload)
			if bits < 15 && size > 1<<bits {
				want = "text " + payload
			}
			for _, more := range []string{"", "; client_max_window_bits", "; client_no_context_takeover; server_no_context_takeover"} {
				c := s.ok(fmt.Sprintf("%d bits%s, %d bytes", bits, more, size), zFrames(wsproto.Text, payload, 1<<30), want)
				c.path, c.more = "/z", []string{fmt.Sprintf("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=%d%s", bits, more)}
			}
		}
	}
}
