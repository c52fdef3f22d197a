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
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if f.policy != "" {
		c.AddHeader("RateLimit-Policy", f.policy)
	} else {
		*buf = f.appendPolicy((*buf)[:0], l)
		c.AddHeader("RateLimit-Policy", unsafestring.String(*buf)) // which copies it
	}
	b := append(append((*buf)[:0], f.name...), ";r="...)
	b = strconv.AppendInt(b, int64(d.Remaining), 10)
	b = append(b, ";t="...)
	*buf = strconv.AppendInt(b, seconds(d.ResetAfter), 10)
	c.AddHeader("RateLimit", unsafestring.String(*buf))
}

// seconds rounds up: who comes back after that comes in time.
func seconds(d time.Duration) int64 { return int64((d + time.Second - time.Nanosecond) / time.Second) }

// setSeconds sets a header field to a time, at least a second.
func setSeconds(c *geist.Ctx, name string, d time.Duration) {
	c.SetHeader(name, strconv.FormatInt(max(seconds(d), 1), 10))
}
