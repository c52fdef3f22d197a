package roomwire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Never is the ttl of what does not end.
const Never time.Duration = -1

// Message is what a frame of the kinds m, t and b tells.
type Message struct {
	Room   string
	Offset uint64 // 0 outside of any room
	Event  string
	ID     string
	Data   []byte
	Binary bool
}

// kind returns what the data of the message is: a text that is JSON is taken for that.
func (m *Message) kind() Kind {
	switch {
	case m.Binary:
		return Bytes
	case json.Valid(m.Data) && utf8.Valid(m.Data):
		return JSON
	}
	return Text
}

// AppendMessage appends a message in JSON.
func AppendMessage(dst []byte, m *Message) []byte {
	kind := m.kind()
	dst = append(dst, '[', '"', "mtb"[kind], '"', ',')
	dst = appendString(dst, m.Room)
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, m.Offset, 10)
	dst = append(dst, ',')
	switch kind {
	case JSON:
		dst = append(dst, m.Data...)
	case Text:
		dst = appendText(dst, m.Data)
	case Bytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, m.Data)
		dst = append(dst, '"')
	}
	if m.ID != "" || m.Event != "" {
		dst = append(dst, ',')
		dst = appendString(dst, m.ID)
	}
	if m.Event != "" {
		dst = append(dst, ',')
		dst = appendString(dst, m.Event)
	}
	return append(dst, ']')
}

// AppendMessageBinary appends a message in the compact encoding.
func AppendMessageBinary(dst []byte, m *Message) []byte {
	kind := m.kind()
	dst = append(dst, byte(kind)+1)
	dst = appendStr(dst, m.Room)
	dst = binary.AppendUvarint(dst, m.Offset)
	dst = appendStr(dst, m.ID)
	dst = appendStr(dst, m.Event)
	if kind == Text && !utf8.Valid(m.Data) {
		return append(dst, string([]rune(string(m.Data)))...)
	}
	return append(dst, m.Data...)
}

func appendStr(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// AppendStream appends the first frame of a stream of events.
func AppendStream(dst []byte, key string) []byte {
	dst = append(dst, `["stream",`...)
	return append(appendString(dst, key), ']')
}

// Welcome is the answer to hello.
type Welcome struct {
	Conn, Author, User string
	TTL                time.Duration
}

// AppendWelcome appends the answer to hello.
func AppendWelcome(dst []byte, w *Welcome) []byte {
	dst = append(dst, `["welcome",{"conn":`...)
	dst = appendString(dst, w.Conn)
	dst = append(dst, `,"author":`...)
	dst = appendString(dst, w.Author)
	if w.User != "" {
		dst = append(dst, `,"user":`...)
		dst = appendString(dst, w.User)
	}
	return append(appendTTL(dst, w.TTL), `}]`...)
}

// appendTTL appends the member ttl, unless it is Never.
func appendTTL(dst []byte, ttl time.Duration) []byte {
	if ttl < 0 {
		return dst
	}
	dst = append(dst, `,"ttl":`...)
	return strconv.AppendInt(dst, ttl.Milliseconds(), 10)
}

// Place is a position in a room, as it is told.
type Place struct{ Epoch, Offset uint64 }

// appendPlace appends the members epoch and offset.
func appendPlace(dst []byte, p Place) []byte {
	dst = append(dst, `"epoch":"`...)
	dst = strconv.AppendUint(dst, p.Epoch, 36)
	dst = append(dst, `","offset":`...)
	return strconv.AppendUint(dst, p.Offset, 10)
}

// Joined is the answer to join.
type Joined struct {
	From      Place
	Head      uint64
	Recovered bool
	TTL       time.Duration
}

// AppendJoined appends the answer to join.
func AppendJoined(dst []byte, ref uint64, room string, j *Joined) []byte {
	dst = append(dst, `["joined",`...)
	dst = strconv.AppendUint(dst, ref, 10)
	dst = append(dst, ',')
	dst = appendString(dst, room)
	dst = append(dst, `,{`...)
	dst = appendPlace(dst, j.From)
	dst = append(dst, `,"head":`...)
	dst = strconv.AppendUint(dst, j.Head, 10)
	dst = append(dst, `,"recovered":`...)
	dst = strconv.AppendBool(dst, j.Recovered)
	return append(appendTTL(dst, j.TTL), `}]`...)
}

// AppendOK appends the answer to a command that has a result in JSON, or none.
func AppendOK(dst []byte, ref uint64, result []byte) []byte {
	dst = append(dst, `["ok",`...)
	dst = strconv.AppendUint(dst, ref, 10)
	if len(result) > 0 {
		dst = append(dst, ',')
		dst = append(dst, result...)
	}
	return append(dst, ']')
}

// AppendPublished appends the answer to pub.
func AppendPublished(dst []byte, ref uint64, p Place) []byte {
	dst = append(dst, `["ok",`...)
	dst = strconv.AppendUint(dst, ref, 10)
	dst = append(dst, `,{`...)
	return append(appendPlace(dst, p), `}]`...)
}

// AppendError appends an error; retry is how long to wait before the next try, or Never.
func AppendError(dst []byte, e *Error, retry time.Duration) []byte {
	dst = append(dst, `["error",`...)
	dst = strconv.AppendUint(dst, e.Ref, 10)
	dst = append(dst, ',')
	dst = appendString(dst, e.Code)
	dst = append(dst, ',')
	dst = appendString(dst, e.Text)
	return append(appendRetry(dst, retry), ']')
}

// appendRetry appends an object with the member retry, unless it is Never.
func appendRetry(dst []byte, retry time.Duration) []byte {
	if retry < 0 {
		return dst
	}
	dst = append(dst, `,{"retry":`...)
	dst = strconv.AppendInt(dst, int64((retry+time.Millisecond-1)/time.Millisecond), 10)
	return append(dst, '}')
}

// AppendGap appends that something is missing before a place; missed is -1 if nobody
// knows how much.
func AppendGap(dst []byte, room string, p Place, missed int64) []byte {
	dst = append(dst, `["gap",`...)
	dst = appendString(dst, room)
	dst = append(dst, `,{`...)
	dst = appendPlace(dst, p)
	if missed >= 0 {
		dst = append(dst, `,"missed":`...)
		dst = strconv.AppendInt(dst, missed, 10)
	}
	return append(dst, `}]`...)
}

// AppendLeft appends that the server has taken the client out of a room.
func AppendLeft(dst []byte, room, code, why string) []byte {
	dst = append(dst, `["left",`...)
	dst = appendString(dst, room)
	dst = append(dst, ',')
	dst = appendString(dst, code)
	dst = append(dst, ',')
	return append(appendString(dst, why), ']')
}

// AppendAsk appends a question of the application, whose data is JSON or else text.
func AppendAsk(dst []byte, n uint64, data []byte, event string) []byte {
	dst = append(dst, `["ask",`...)
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, ',')
	if json.Valid(data) {
		dst = append(dst, data...)
	} else {
		dst = appendText(dst, data)
	}
	if event != "" {
		dst = append(dst, ',')
		dst = appendString(dst, event)
	}
	return append(dst, ']')
}

// AppendBye appends the last frame.
func AppendBye(dst []byte, code string, retry time.Duration) []byte {
	dst = append(dst, `["bye",`...)
	dst = appendString(dst, code)
	return append(appendRetry(dst, retry), ']')
}

// Quote returns a text as a string of JSON.
func Quote(data []byte) []byte { return appendText(make([]byte, 0, len(data)+2), data) }

// appendString appends a string of JSON. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte { return appendText(dst, s) }

const hexDigits = "0123456789abcdef"

// appendText appends a string of JSON. What is not UTF-8 becomes U+FFFD.
func appendText[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	done := 0 // s[:done] has been appended
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b < utf8.RuneSelf && b != '"' && b != '\\' {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[done:i]...), "\uFFFD"...)
				done = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[done:i]...)
		if b == '"' || b == '\\' {
			dst = append(dst, '\\', b)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
		i++
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}
