// Package compress sends answers compressed, by zstd, brotli or gzip, to clients that
// accept it.
//
//	app.Use(compress.New())
//
// It works on answers whose body is in memory when the handler has returned. Of the
// codings that the client likes best it takes the first of Config.Codings. An answer stays
// as it is if
//
//   - its type is not in Config.Types: images and archives are compressed already;
//   - it is shorter than Config.MinBytes, or longer than Config.MaxBytes;
//   - it is a part (206, Content-Range), or has no body by its status;
//   - it has a Content-Encoding, or a digest (Content-Digest, Repr-Digest, Digest,
//     Content-MD5), or Cache-Control: no-transform;
//   - compressing does not make it shorter.
//
// Vary: Accept-Encoding is added to what would have been compressed for another client,
// and to every 304. A strong ETag becomes a weak one, since the bytes are others; a 304
// for it has the weak one, too. Accept-Ranges is taken away: ranges are of the plain body.
// HEAD is answered as GET is, so that its fields are the same.
//
// Small files, which the engine answers from memory, are compressed each time they are
// asked for. Large ones are streams and pass by. Static finds files that were compressed
// in advance, which costs nothing and is smaller.
//
// Within a bubble of testing/synctest leave it out: the compressors have goroutines of
// their own, which never end.
//
// # Secrets
//
// Whoever can make a browser ask for a page with text of theirs in it, and sees the
// length of what is sent, can guess a secret in the same body, a letter at a time
// (BREACH). A token that forms carry must therefore look different each time, as the
// masked tokens of package csrf do; for other secrets next to what a request says, leave
// the route out by package skip, or set no-transform.
//
// # WebSockets and streams
//
// They are never compressed here, nor are bodies of Ctx.Stream or flushed handlers of
// net/http: what a stream sends must arrive when it is sent, and what it repeats of a
// client is told apart by length as above. WebSockets have their own compression
// ([geist.Compression]). Answers for 404, 405 and errors are treated as all others are.
package compress

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// Config says what is compressed, and how.
type Config struct {
	// MinBytes is the length of the shortest body that is compressed. Zero means 1 KiB:
	// below that a packet is sent in any case.
	MinBytes int
	// MaxBytes is the length of the longest body that is compressed, which bounds the time
	// of one answer. Zero means 4 MiB.
	MaxBytes int
	// Codings are those that are offered, the preferred first, of zstd, br and gzip. Empty
	// means all three in this order: zstd takes the least time for its length.
	Codings []string
	// Types are the media types that are compressed, without parameters: "text/css",
	// "text/*", or "+json" for all that end so. Empty means text, JSON, XML, JavaScript,
	// WebAssembly, SVG, manifests, and fonts and images that are not compressed themselves.
	Types []string
	// Level is how much time is spent. Zero means Default.
	Level Level
}

// Level is how much time is spent on making an answer shorter.
type Level int

const (
	// Default is what fasthttp takes by default: gzip 6, brotli 4, zstd 2.
	Default Level = iota
	// Fastest spends the least time: level 1 of gzip and zstd, 0 of brotli.
	Fastest
	// Smaller makes shorter answers in up to four times the time: gzip 9, brotli 7, zstd 3.
	// Brotli's highest levels, which take hundreds of times as long, are for what is
	// compressed in advance.
	Smaller
)

const (
	defaultMinBytes = 1 << 10
	defaultMaxBytes = 4 << 20
	// keptBytes is the largest buffer that waits for another answer.
	keptBytes = 256 << 10
)

// defaultTypes are the types that compress well.
var defaultTypes = [...]string{
	"text/*", "+json", "+xml", "application/json", "application/xml", "application/javascript", "application/x-javascript",
	"application/ecmascript", "application/wasm", "application/x-ndjson", "application/manifest+json", "application/yaml",
	"application/x-yaml", "application/graphql", "application/vnd.ms-fontobject", "font/ttf", "font/otf", "image/bmp", "image/x-icon",
	"image/vnd.microsoft.icon",
}

// New returns middleware that compresses. It panics if the Config cannot be meant: a
// coding that is not known, a type that is none, negative bounds. It is safe for many
// goroutines. An answer that is not compressed costs no allocation; one that is, one.
func New(config ...Config) geist.Handler {
	if len(config) > 1 {
		panic("compress: New was given more than one Config: pass one")
	}
	var conf Config
	if len(config) == 1 {
		conf = config[0]
	}
	m := compile(conf)
	return m.handle
}

// compile checks conf and fills in its defaults.
func compile(conf Config) *compressor {
	m := &compressor{min: conf.MinBytes, max: conf.MaxBytes}
	if m.min == 0 {
		m.min = defaultMinBytes
	}
	if m.max == 0 {
		m.max = defaultMaxBytes
	}
	if m.min < 0 || m.max < m.min {
		panic(fmt.Sprintf("compress: MinBytes %d and MaxBytes %d: neither is negative, nor is MaxBytes the smaller one", m.min, m.max))
	}
	if conf.Level < Default || conf.Level > Smaller {
		panic(fmt.Sprintf("compress: Config.Level %d: use Default, Fastest or Smaller", conf.Level))
	}
	names := conf.Codings
	if len(names) == 0 {
		names = []string{"zstd", "br", "gzip"}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			panic(fmt.Sprintf("compress: coding %q is listed twice", name))
		}
		m.codings = append(m.codings, newCoding(name, conf.Level))
	}
	types := conf.Types
	if len(types) == 0 {
		types = defaultTypes[:]
	}
	for _, t := range types {
		m.types = append(m.types, newMediaType(t))
	}
	m.buffers.New = func() any { return new(bytes.Buffer) }
	return m
}

// coding is one that is offered.
type coding struct {
	name  string
	write func(w *bytes.Buffer, p []byte)
}

func newCoding(name string, level Level) coding {
	switch name {
	case "gzip":
		n := [...]int{fasthttp.CompressDefaultCompression, fasthttp.CompressBestSpeed, fasthttp.CompressBestCompression}[level]
		return coding{name, func(w *bytes.Buffer, p []byte) { _, _ = fasthttp.WriteGzipLevel(w, p, n) }}
	case "br":
		n := [...]int{fasthttp.CompressBrotliDefaultCompression, fasthttp.CompressBrotliBestSpeed, 7}[level]
		return coding{name, func(w *bytes.Buffer, p []byte) { _, _ = fasthttp.WriteBrotliLevel(w, p, n) }}
	case "zstd":
		n := [...]int{fasthttp.CompressZstdDefault, fasthttp.CompressZstdBestSpeed, fasthttp.CompressZstdSpeedBetter}[level]
		return coding{name, func(w *bytes.Buffer, p []byte) { _, _ = fasthttp.WriteZstdLevel(w, p, n) }}
	}
	panic(fmt.Sprintf("compress: coding %q: use zstd, br or gzip", name))
}

// mediaType is a type, or the beginning ("text/") or the end ("+json") of one.
type mediaType struct {
	text       string
	begin, end bool
}

func newMediaType(s string) mediaType {
	t := mediaType{text: strings.ToLower(s)}
	kind, sub, whole := strings.Cut(t.text, "/")
	switch {
	case strings.ContainsAny(s, "; ,"):
	case strings.HasPrefix(s, "+") && len(s) > 1 && !whole:
		t.end = true
		return t
	case whole && sub == "*" && kind != "" && kind != "*":
		t.text, t.begin = kind+"/", true
		return t
	case whole && kind != "" && sub != "" && strings.IndexByte(t.text, '*') < 0:
		return t
	}
	panic(fmt.Sprintf("compress: type %q: give a media type without parameters, or a part such as text/* or +json", s))
}

// compressor is a Config that has been checked.
type compressor struct {
	min, max int
	codings  []coding
	types    []mediaType
	buffers  sync.Pool // of *bytes.Buffer
}
