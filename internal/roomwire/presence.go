package roomwire

import (
	"strconv"

	"github.com/gogeist/geist/internal/hubwire"
)

// AppendPresence appends who is in a room, or what has become of them.
func AppendPresence(dst []byte, p *hubwire.Presence) []byte {
	dst = append(dst, `["presence",`...)
	dst = appendString(dst, p.Room)
	dst = append(dst, `,{`...)
	if p.Reset {
		dst = append(dst, `"reset":true,`...)
	}
	dst = append(dst, `"count":`...)
	dst = strconv.AppendInt(dst, int64(p.Count), 10)
	dst = appendMembers(dst, "joined", p.Joined, p.Reset)
	dst = appendMembers(dst, "updated", p.Updated, false)
	if len(p.Left) > 0 {
		dst = append(dst, `,"left":[`...)
		for i, id := range p.Left {
			dst = appendString(appendComma(dst, i), id)
		}
		dst = append(dst, ']')
	}
	return append(dst, `}]`...)
}

// appendMembers appends a list of members, if there are any or it must be there.
func appendMembers(dst []byte, name string, members []hubwire.Member, must bool) []byte {
	if len(members) == 0 && !must {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, `":[`...)
	for i := range members {
		m := &members[i]
		dst = append(appendComma(dst, i), `{"conn":`...)
		dst = appendString(dst, m.Conn)
		if m.User != "" {
			dst = append(dst, `,"user":`...)
			dst = appendString(dst, m.User)
		}
		if m.Shown != nil {
			dst = append(dst, `,"shown":`...)
			dst = append(dst, m.Shown...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendComma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}
