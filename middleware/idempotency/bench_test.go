//go:build !race && !geistdebug

package idempotency_test

import (
	"testing"

	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/idempotency"
)

// BenchmarkNew is a whole request cycle in memory: without the middleware, without a key,
// and with one that has been carried out.
func BenchmarkNew(b *testing.B) {
	bare := &service{Engine: quiet()}
	bare.POST("/pay", bare.pay)
	s := newService(idempotency.Config{Store: memory(b)})
	for _, bb := range []struct {
		name string
		s    *service
		key  string
	}{
		{"bare", bare, ""},
		{"noKey", s, ""},
		{"replayed", s, "Idempotency-Key: k\r\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			cycle.Run(b, bb.s.Engine.Server().ServeConn, "POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"+bb.key+"\r\nhello", b.N)
		})
	}
}
