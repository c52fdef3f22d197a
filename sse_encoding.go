package geist

import (
	"encoding/base64"
	"encoding/json"

	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/hubwire"
)

// eventEncoding is how a stream writes what a hub delivers.
type eventEncoding struct {
	framed bool // each unit is a chunk
	single bool // the stream follows one room for its life: ids stand inside the units
}

var _ hubwire.Encoding = eventEncoding{}

// maxFollowed is how many rooms a stream may follow: the id of each of its events names a
// position in every one.
const maxFollowed = 16

// GapEvent is the name of the event by which a stream that follows rooms learns that it
// has missed something there: because it came back too late to be given all, or reads too
// slowly. What comes next is behind the gap. Its data is an object of JSON:
//
//	{"room":"news"}              nobody knows what was missed: fetch the state anew
//	{"room":"news","missed":12}  so many entries, no more
const GapEvent = "gap"

func (x eventEncoding) Traits() hubwire.Traits {
	if x.single {
		return hubwire.Traits{Gaps: true, Rooms: 1}
	}
	return hubwire.Traits{Gaps: true, Vector: true, Rooms: maxFollowed}
}

func (x eventEncoding) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	data := e.Data
	if e.Binary {
		data = base64.StdEncoding.AppendEncode(nil, data)
	}
	return x.append(dst, e.Event, data, e.Epoch, e.Offset)
}

func (x eventEncoding) AppendGap(dst []byte, g *hubwire.Gap) []byte {
	text := struct {
		Room   string  `json:"room"`
		Missed *uint64 `json:"missed,omitempty"`
	}{Room: g.Room}
	if g.FromEpoch == g.Epoch && g.FromOffset <= g.Offset {
		missed := g.Offset - g.FromOffset
		text.Missed = &missed
	}
	data, _ := json.Marshal(text) // a string and a number have nothing that fails
	return x.append(dst, GapEvent, data, g.Epoch, g.Offset)
}

// append appends an event. Its id goes before it in another unit if the stream follows
// several rooms.
func (x eventEncoding) append(dst []byte, name string, data []byte, epoch, offset uint64) []byte {
	from := len(dst)
	if x.single && epoch != 0 {
		dst = append(dst, "id: "...)
		dst = append(hubwire.AppendPos(dst, epoch, offset), '\n')
	}
	if data == nil {
		data = []byte{}
	}
	dst, err := eventstream.Append(dst, &eventstream.Event{Name: name, Data: data})
	if err != nil { // the hub checks names; without its name it would be another event
		dst = dst[:from]
		return dst
	}
	return x.frame(dst, from)
}

func (x eventEncoding) AppendPositions(dst []byte, places []hubwire.Place) []byte {
	from := len(dst)
	dst = append(dst, "id: "...)
	dst = append(hubwire.AppendVector(dst, places), '\n')
	return x.frame(dst, from)
}

func (eventEncoding) AppendPresence(dst []byte, _ *hubwire.Presence) []byte { return dst }

func (x eventEncoding) frame(dst []byte, from int) []byte {
	if !x.framed {
		return dst
	}
	return frameChunk(dst, from)
}
