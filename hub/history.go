package hub

import (
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// maxArena is the length of the pieces of memory that kept messages are copied to.
const maxArena = 8 << 10

// kept is a message that those who resume may get.
type kept struct {
	seq    uint64
	offset uint64
	at     int64  // nanoseconds
	text   []byte // event, ID and data, in an arena that they share with others
	event  uint16 // length of the event
	id     uint8  // length of the ID
	binary bool
	except ConnID
}

func (k *kept) entry(name string, epoch uint64) hubwire.Entry {
	return hubwire.Entry{
		Room: name, Epoch: epoch, Offset: k.offset,
		Event: string(k.text[:k.event]), ID: string(k.named()), Data: k.text[int(k.event)+int(k.id):], Binary: k.binary,
	}
}

// named returns the ID.
func (k *kept) named() []byte { return k.text[k.event:][:k.id] }

// history is the messages that a room keeps, oldest first. It is independent of
// encodings: one that nobody used when a message was published can still be served.
// All of it is guarded by the lock of its room.
//
// Whoever has everything up to floor, or more, can be given the rest.
type history struct {
	ring  []kept // ring[head] is the oldest; its length is a power of two
	head  int
	n     int
	bytes int
	floor uint64 // offset of the newest message that should be here and is not
	arena []byte
}

// at returns the i-th oldest.
func (y *history) at(i int) *kept { return &y.ring[(y.head+i)&(len(y.ring)-1)] }

// push copies a message to the end.
func (y *history) push(k kept, m *Message) {
	k.text = y.copy(m)
	k.event, k.id, k.binary = uint16(len(m.Event)), uint8(len(m.ID)), m.Binary
	if y.n == len(y.ring) {
		y.grow()
	}
	y.n++
	*y.at(y.n - 1) = k
	y.bytes += len(k.text)
}

func (y *history) grow() {
	ring := make([]kept, max(4, 2*len(y.ring)))
	for i := range y.n {
		ring[i] = *y.at(i)
	}
	y.ring, y.head = ring, 0
}

// copy carves the copy of a message from the arena.
func (y *history) copy(m *Message) []byte {
	size := m.size()
	if size > cap(y.arena)-len(y.arena) {
		y.arena = make([]byte, 0, max(size, min(2*cap(y.arena), maxArena), minBlock/2))
	}
	from := len(y.arena)
	y.arena = append(append(append(y.arena, m.Event...), m.ID...), m.Data...)
	return y.arena[from:len(y.arena):len(y.arena)]
}

// pop forgets the oldest, and returns how many bytes it had.
func (y *history) pop() int {
	k := y.at(0)
	size := len(k.text)
	y.floor = k.offset
	*k = kept{}
	y.head = (y.head + 1) & (len(y.ring) - 1)
	y.n--
	y.bytes -= size
	if y.n == 0 {
		*y = history{floor: y.floor}
	}
	return size
}

// trim forgets what is too much or too old.
func (y *history) trim(conf *RoomConfig, now int64, total *atomic.Int64) {
	freed := 0
	for y.n > 0 && (y.n > conf.KeepMessages || y.bytes > conf.KeepBytes || y.expired(conf, now)) {
		freed += y.pop()
	}
	if freed > 0 {
		total.Add(int64(-freed))
	}
}

func (y *history) expired(conf *RoomConfig, now int64) bool {
	return conf.KeepFor > 0 && now-y.at(0).at > int64(conf.KeepFor)
}

// clear forgets everything up to an offset.
func (y *history) clear(floor uint64, total *atomic.Int64) {
	total.Add(int64(-y.bytes))
	*y = history{floor: floor}
}

// oldest returns the number of the oldest entry, or otherwise if nothing is kept.
func (y *history) oldest(otherwise uint64) uint64 {
	if y.n == 0 {
		return otherwise
	}
	return y.at(0).seq
}

// after returns the index of the first message behind an offset.
func (y *history) after(offset uint64) int {
	lo, hi := 0, y.n
	for lo < hi {
		if mid := (lo + hi) / 2; y.at(mid).offset <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// extend makes a tape reach back to all that is kept. Runs of entries become blocks;
// between them lies what was not kept.
func (y *history) extend(t *tape, name string, epoch uint64) {
	var head, tail *block
	for i := range y.n {
		k := y.at(i)
		if k.seq >= t.first.seq {
			break
		}
		e := k.entry(name, epoch)
		if tail != nil && tail.seq+uint64(tail.n.Load()) == k.seq && tail.add(t.enc, &e) {
			continue
		}
		b := t.newBlock(&e, min(y.bytes+64*y.n, maxBlock))
		b.seq, b.bytes = k.seq, t.first.bytes
		b.pos = Pos{Epoch: epoch, Offset: k.offset - 1}
		if tail == nil {
			head = b
		} else {
			tail.next.Store(b)
		}
		tail = b
	}
	if tail == nil {
		return
	}
	tail.next.Store(t.first)
	t.first = head
}

// nanos returns the time for ages of messages.
func nanos() int64 { return time.Now().UnixNano() }
