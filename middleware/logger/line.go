package logger

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// write logs an entry.
func (l *accessLog) write(e *entry, message string) {
	var err error
	if e.handler == nil {
		err = l.out.line(e, l.conf.Format == Combined)
	} else {
		err = e.handler.Handle(context.Background(), e.record(message))
	}
	if l.out != nil {
		l.out.report(e.logger, err)
	}
}

// record returns the entry as a record.
func (e *entry) record(message string) slog.Record {
	r := slog.NewRecord(time.Now(), e.level, message, 0)
	if e.named {
		r.AddAttrs(slog.String("method", e.method), slog.String("route", e.route))
	}
	r.AddAttrs(slog.String("path", e.path), slog.Int("status", e.status))
	if !e.stays || e.bytes > 0 {
		r.AddAttrs(slog.Int("bytes", e.bytes))
	}
	r.AddAttrs(slog.Duration("duration", time.Since(e.begin)), slog.String("client_ip", e.ip))
	if e.err != nil {
		r.AddAttrs(slog.String("error", visible(e.err.Error())))
	}
	r.AddAttrs(e.attrs...)
	return r
}

// lineWriter writes lines, one at a time.
type lineWriter struct {
	w io.Writer

	mu     sync.Mutex
	buf    []byte // guarded by mu
	broken bool   // guarded by mu; the last line could not be written
}

// maxLine is the largest buffer that is kept for the next line.
const maxLine = 4 << 10

// Write writes a line that somebody else has made.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

// line writes an entry in one of Apache's formats:
//
//	192.0.2.1 - - [02/Jan/2026:15:04:05 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"
func (w *lineWriter) line(e *entry, combined bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := append(w.buf[:0], orDash(e.ip)...)
	b = append(b, " - - ["...)
	b = e.begin.AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendQuoted(b, e.method)
	b = append(b, ' ')
	b = appendQuoted(b, e.path)
	b = append(b, ' ')
	b = appendQuoted(b, e.protocol)
	b = append(b, `" `...)
	b = strconv.AppendInt(b, int64(e.status), 10)
	b = append(b, ' ')
	if e.bytes > 0 {
		b = strconv.AppendInt(b, int64(e.bytes), 10)
	} else {
		b = append(b, '-')
	}
	if combined {
		b = append(b, ` "`...)
		b = appendQuoted(b, orDash(e.referer))
		b = append(b, `" "`...)
		b = appendQuoted(b, orDash(e.agent))
		b = append(b, '"')
	}
	b = append(b, '\n')
	if w.buf = b; cap(b) > maxLine {
		w.buf = nil
	}
	_, err := w.w.Write(b)
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// report tells of the first of several lines in a row that could not be written.
func (w *lineWriter) report(logger *slog.Logger, err error) {
	w.mu.Lock()
	first := err != nil && !w.broken
	w.broken = err != nil
	w.mu.Unlock()
	if first {
		logger.Error("the access log cannot be written", "error", err)
	}
}
