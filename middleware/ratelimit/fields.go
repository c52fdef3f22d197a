package ratelimit

import (
	"strconv"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/store"
)

// fields makes the header fields of draft-ietf-httpapi-ratelimit-headers, items of Structured
// Fields (RFC 9651).
type fields struct {
	name   string // quoted
	policy string // that of Config.Limit; "" with LimitFor
}

func newFields(conf Config) *fields {
	f := &fields{name: `"` + conf.Name + `"`}
	if conf.LimitFor == nil {
		f.policy = string(f.appendPolicy(nil, conf.Limit))
	}
	return f
}

// appendPolicy appends what a limit allows: so many at once (q), all of which are there again
// after so many seconds (w).
func (f *fields) appendPolicy(b []byte, l store.Limit) []byte {
	period, burst := l.Period, l.Burst
	if period == 0 {
		period = time.Second
	}
	if burst == 0 {
		burst = l.Rate
	}
	window := period / time.Duration(l.Rate) * time.Duration(burst)
	b = append(append(b, f.name...), ";q="...)
	b = strconv.AppendInt(b, int64(burst), 10)
	b = append(b, ";w="...)
	return strconv.AppendInt(b, max(seconds(window), 1), 10)
}

// send adds the fields to the answer, beside those of other limiters.
func (f *fields) send(c *geist.Ctx, l store.Limit, d store.Decision) {
	var room [128]byte // add copies what is in it
	if f.policy != "" {
		add(c, headerPolicy, f.policy)
	} else {
		add(c, headerPolicy, unsafestring.String(f.appendPolicy(room[:0], l)))
	}
	b := append(append(room[:0], f.name...), ";r="...)
	b = strconv.AppendInt(b, int64(d.Remaining), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, seconds(d.ResetAfter), 10)
	add(c, headerState, unsafestring.String(b))
}

// Names of the fields as fasthttp writes them.
var (
	headerPolicy = []byte("Ratelimit-Policy")
	headerState  = []byte("Ratelimit")
)

// add adds a field to the answer. The first of a name, which is the only one as a rule, is set: that
// takes half the time, and what this package writes needs no check.
func add(c *geist.Ctx, name []byte, value string) {
	if h := &c.RawHeader().Response.Header; len(h.PeekCanonical(name)) == 0 {
		h.SetCanonical(name, unsafestring.Bytes(value))
		return
	}
	c.AddHeader(string(name), value)
}

// seconds rounds up: who comes back after that comes in time.
func seconds(d time.Duration) int64 { return int64((d + time.Second - time.Nanosecond) / time.Second) }

// setSeconds sets a header field to a time, at least a second.
func setSeconds(c *geist.Ctx, name string, d time.Duration) {
	c.SetHeader(name, strconv.FormatInt(max(seconds(d), 1), 10))
}
