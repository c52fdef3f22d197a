package ratelimit

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/store"
)

func isIPv6(ip string) bool { return strings.IndexByte(ip, ':') >= 0 }

// buffers hold texts that are needed for a moment: keys and values of header fields.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 128)
	return &b
}}

// allowPrefix counts an IPv6 address under its prefix.
func (r *rateLimit) allowPrefix(ctx context.Context, ip string, limit store.Limit, cost int) (store.Decision, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return r.limiter.allow(ctx, ip, limit, cost) // which ClientIP never returns
	}
	prefix, err := addr.WithZone("").Prefix(r.conf.IPv6Prefix)
	if err != nil {
		return r.limiter.allow(ctx, ip, limit, cost) // nor this
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	*buf = prefix.AppendTo((*buf)[:0])
	key := unsafestring.String(*buf)
	if r.limiter.memory == nil {
		key = string(*buf) // another store may keep it
	}
	return r.limiter.allow(ctx, key, limit, cost)
}
