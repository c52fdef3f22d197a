package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"

	"github.com/gogeist/geist/store"
)

// record is an entry, as it stands in its file:
//
//	"geist1\r\n"  expires  version  length of key  key  value  CRC-32 of all before
//	8 bytes       8        8        4                          4
//
// Numbers are big-endian.
type record struct {
	key     string
	val     []byte
	ver     uint64
	expires int64 // in nanoseconds since 1970; 0 never
}

const (
	magic  = "geist1\r\n"
	header = len(magic) + 8 + 8 + 4
)

var errTorn = errors.New("it is not whole")

func (r *record) append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.expires))
	b = binary.BigEndian.AppendUint64(b, r.ver)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.key)))
	b = append(b, r.key...)
	b = append(b, r.val...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// parse reads what append has written. The value is a part of b.
func parse(b []byte) (*record, error) {
	if len(b) < header+4 || string(b[:len(magic)]) != magic {
		return nil, errTorn
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, errTorn
	}
	n := binary.BigEndian.Uint32(body[header-4:])
	rest := body[header:]
	if int64(n) > int64(len(rest)) {
		return nil, errTorn
	}
	r := &record{key: string(rest[:n]), val: rest[n:], ver: binary.BigEndian.Uint64(body[header-12:])}
	r.expires = expires(body)
	if r.ver == 0 || r.expires < 0 {
		return nil, errTorn
	}
	return r, nil
}

func expires(b []byte) int64 { return int64(binary.BigEndian.Uint64(b[len(magic):])) }

// deadFile reports whether a file holds an entry that is dead. It reads no more than the
// beginning; what is damaged is left for whoever asks for it.
func deadFile(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, header)
	if _, err := io.ReadFull(f, b); err != nil || !bytes.HasPrefix(b, []byte(magic)) {
		return false
	}
	return (&record{expires: expires(b)}).dead(time.Now())
}

func (r *record) dead(now time.Time) bool {
	return r.expires != 0 && r.expires <= now.UnixNano()
}

// version returns 0 for nil.
func (r *record) version() uint64 {
	if r == nil {
		return 0
	}
	return r.ver
}

func (r *record) item() store.Item {
	item := store.Item{Val: r.val, Ver: r.ver}
	if r.expires != 0 {
		item.ExpiresAt = time.Unix(0, r.expires)
	}
	return item
}

// expiry returns when an entry dies that has ttl from now on; 0 is never.
func expiry(ttl time.Duration) int64 {
	now := time.Now().UnixNano()
	if ttl == 0 || int64(ttl) > math.MaxInt64-now { // that is in the year 2262
		return 0
	}
	return now + int64(ttl)
}
