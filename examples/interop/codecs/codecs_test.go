package codecs

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
	"github.com/gogeist/geist/geisttest"
)

const (
	typeCBOR     = "application/cbor"
	typeMsgpack  = "application/vnd.msgpack"
	typeProtobuf = "application/protobuf"
)

// task is read and written in all formats but protobuf.
type task struct {
	ID    string         `path:"id" json:"-"`
	Title string         `json:"title"`
	Tags  []string       `json:"tags,omitempty"`
	More  map[string]any `json:"more,omitempty"`
	Rank  *int           `json:"rank,omitempty"`
}

// engine returns one that answers with what it was sent.
func engine(t *testing.T) *geist.Engine {
	t.Helper()
	inCBOR, err := CBOR()
	if err != nil {
		t.Fatal(err)
	}
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{
		typeCBOR:     inCBOR,
		typeMsgpack:  MessagePack(),
		typeProtobuf: Protobuf(),
	}})
	app.POST("/tasks/:id", func(c *geist.Ctx) error {
		var in task
		if err := c.Bind(&in); err != nil {
			return err
		}
		c.SetHeader("X-Task", in.ID)
		return c.Negotiate(200, &in)
	})
	app.POST("/messages", func(c *geist.Ctx) error {
		var in structpb.ListValue
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.Negotiate(200, &in)
	})
	return app
}

// pack is the library's own encoding of v.
func pack(t *testing.T, media string, v any) []byte {
	t.Helper()
	var b []byte
	var err error
	switch media {
	case typeCBOR:
		b, err = cbor.Marshal(v)
	case typeMsgpack:
		var buf bytes.Buffer
		e := msgpack.NewEncoder(&buf)
		e.SetCustomStructTag("json")
		err = e.Encode(v)
		b = buf.Bytes()
	case typeProtobuf:
		b, err = proto.Marshal(v.(proto.Message))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func list(t *testing.T, values ...any) *structpb.ListValue {
	t.Helper()
	l, err := structpb.NewList(values)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCodecs_roundTrip(t *testing.T) {
	ten := 10 // the last byte is that of a newline, which must not be lost
	sent := task{ID: "ignored", Title: "Größe", Tags: []string{"a", "b"}, Rank: &ten}
	app := engine(t)
	c := geisttest.New(t, app)
	url, client := loopback.Serve(t, engine(t)), loopback.Client(t)
	for _, media := range []string{typeCBOR, typeMsgpack} {
		body := pack(t, media, sent)
		if body[len(body)-1] != '\n' {
			t.Errorf("%s: the last byte is %#x, this was to be the byte 10", media, body[len(body)-1])
		}
		for name, got := range map[string][]byte{
			"in memory":     c.POST("/tasks/7").Header("Content-Type", media).Header("Accept", media).Body(body).Do().Status(200).HasHeader("X-Task", "7").HasHeader("Content-Type", media).Bytes(),
			"over loopback": []byte(loopback.Do(t, client, http.MethodPost, url+"/tasks/7", bytes.NewReader(body), "Content-Type", media, "Accept", media).Body),
		} {
			if !bytes.Equal(got, body) {
				t.Errorf("%s %s: got %x, want %x", media, name, got, body)
			}
		}
	}
	message := list(t, "Größe", true, 1.5, []any{"deep"}, strings.Repeat("x", 9)+"\n")
	body := pack(t, typeProtobuf, message)
	for name, got := range map[string][]byte{
		"in memory":     c.POST("/messages").Header("Content-Type", typeProtobuf).Header("Accept", typeProtobuf).Body(body).Do().Status(200).HasHeader("Content-Type", typeProtobuf).Bytes(),
		"over loopback": []byte(loopback.Do(t, client, http.MethodPost, url+"/messages", bytes.NewReader(body), "Content-Type", typeProtobuf, "Accept", typeProtobuf).Body),
	} {
		back := new(structpb.ListValue)
		if err := proto.Unmarshal(got, back); err != nil || !proto.Equal(back, message) {
			t.Errorf("protobuf %s: got %v, %v, want %v", name, back, err, message)
		}
	}
}

func TestCodecs_negotiate(t *testing.T) {
	c := geisttest.New(t, engine(t))
	for _, tt := range []struct{ name, path, accept, want string }{
		{"none", "/tasks/7", "", "application/json"},
		{"anything", "/tasks/7", "*/*", "application/json"},
		{"the heavier", "/tasks/7", "application/cbor;q=0.2, application/vnd.msgpack;q=0.9", typeMsgpack},
		{"the other is heavier", "/tasks/7", "application/cbor;q=0.9, application/vnd.msgpack;q=0.2", typeCBOR},
		{"excluded", "/tasks/7", "application/cbor;q=0, application/vnd.msgpack;q=0.1", typeMsgpack},
		{"no message", "/tasks/7", "application/protobuf, application/cbor;q=0.1", typeCBOR},
		{"a message", "/messages", "application/json;q=0.5, application/protobuf", typeProtobuf},
		{"a message as JSON", "/messages", "application/json", "application/json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := c.With(t).POST(tt.path).Header("Content-Type", "application/json").BodyString(`{"title":"a"}`)
			if tt.path == "/messages" {
				req = c.With(t).POST(tt.path).Header("Content-Type", typeProtobuf).Body(pack(t, typeProtobuf, list(t, "a")))
			}
			if tt.accept != "" {
				req.Header("Accept", tt.accept)
			}
			resp := req.Do().Status(200).HasHeader("Content-Type", tt.want).HasHeader("Vary", "Accept")
			if tt.path == "/messages" && tt.want == "application/json" {
				resp.BodyIs(`["a"]`)
			}
		})
	}
	c.POST("/tasks/7").Header("Content-Type", "application/json").Header("Accept", typeProtobuf).BodyString(`{"title":"a"}`).Do().Status(406)
}

func TestCodecs_statusOfBadInput(t *testing.T) {
	wrong := map[string]any{"title": 1}
	for _, tt := range []struct {
		name, media, path string
		body              []byte
		want              int
	}{
		{"CBOR cut short", typeCBOR, "/tasks/7", []byte{0xa1, 0x65, 't'}, 400},
		{"CBOR with more behind it", typeCBOR, "/tasks/7", []byte{0xa0, 0xa0}, 400},
		{"CBOR with a reserved head", typeCBOR, "/tasks/7", []byte{0x1c}, 400},
		{"CBOR with a key twice", typeCBOR, "/tasks/7", []byte("\xa2\x65title\x61a\x65title\x61b"), 400},
		{"CBOR of another type", typeCBOR, "/tasks/7", pack(t, typeCBOR, wrong), 422},
		{"CBOR that is no map", typeCBOR, "/tasks/7", []byte{0x01}, 422},
		{"MessagePack cut short", typeMsgpack, "/tasks/7", []byte{0x81, 0xa5, 't'}, 400},
		{"MessagePack with more behind it", typeMsgpack, "/tasks/7", []byte{0x80, 0x80}, 400},
		{"MessagePack with a reserved head", typeMsgpack, "/tasks/7", []byte{0xc1}, 400},
		{"MessagePack of another type", typeMsgpack, "/tasks/7", pack(t, typeMsgpack, wrong), 422},
		{"MessagePack that is no map", typeMsgpack, "/tasks/7", []byte{0x01}, 422},
		{"protobuf cut short", typeProtobuf, "/messages", []byte{0x0a, 0x05, 0x1a}, 400},
		{"protobuf with a field 0", typeProtobuf, "/messages", []byte{0x00, 0x00}, 400},
		{"protobuf with text that is no UTF-8", typeProtobuf, "/messages", []byte{0x0a, 0x03, 0x1a, 0x01, 0xff}, 400},
		{"protobuf for what is no message", typeProtobuf, "/tasks/7", []byte{0x0a, 0x00}, 415},
		{"a type that nobody registered", "application/x-thing", "/tasks/7", []byte("?"), 415},
		{"no type", "", "/tasks/7", []byte("?"), 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := geisttest.New(t, engine(t)).POST(tt.path).Body(tt.body)
			if tt.media != "" {
				req.Header("Content-Type", tt.media)
			}
			resp := req.Do().Status(tt.want).HasHeader("Content-Type", "application/problem+json")
			if p := resp.Problem(); strings.Contains(p.Detail, ":") {
				t.Errorf("detail = %q, which holds the library's words", p.Detail)
			}
		})
	}
}

// nested returns a list in a list, and so on.
func nested(depth int) []byte {
	var b []byte
	for range depth {
		b = append(binary.AppendUvarint([]byte{0x32}, uint64(len(b))), b...) // Value.list_value
		b = append(binary.AppendUvarint([]byte{0x0a}, uint64(len(b))), b...) // ListValue.values
	}
	return b
}

func TestCodecs_bombs(t *testing.T) {
	const most = 1 << 20 // bytes that a refusal may allocate
	inCBOR, err := CBOR()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		codec geist.Codec
		body  []byte
		into  any
	}{
		{"CBOR, deep", inCBOR, bytes.Repeat([]byte{0x81}, 1<<22), new(any)},
		{"CBOR, deep maps", inCBOR, bytes.Repeat([]byte{0xa1, 0x00}, 1<<20), new(any)},
		{"CBOR, tags in tags", inCBOR, bytes.Repeat([]byte{0xc1}, 1<<20), new(any)},
		{"CBOR, a long array", inCBOR, []byte{0x9a, 0x7f, 0xff, 0xff, 0xff}, new([]task)},
		{"CBOR, a long array of bytes", inCBOR, append([]byte{0x9a, 0x00, 0x10, 0x00, 0x00}, make([]byte, 1<<20)...), new([]task)},
		{"CBOR, a long text", inCBOR, []byte{0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, new(string)},
		{"CBOR, a long map", inCBOR, []byte{0xbb, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff}, new(map[string]any)},
		{"MessagePack, deep", MessagePack(), bytes.Repeat([]byte{0x91}, 1<<22), new(any)},
		{"MessagePack, deep maps", MessagePack(), bytes.Repeat([]byte{0x81, 0xa0}, 1<<20), new(any)},
		{"MessagePack, deep in an unknown field", MessagePack(), append([]byte("\x81\xa1x"), bytes.Repeat([]byte{0x91}, 1<<22)...), new(task)},
		{"MessagePack, a long array", MessagePack(), []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, new([]task)},
		{"MessagePack, a long array of bytes", MessagePack(), append([]byte{0xdd, 0x00, 0x10, 0x00, 0x00}, make([]byte, 1<<20)...), new([]task)},
		{"MessagePack, a long text", MessagePack(), []byte{0xdb, 0xff, 0xff, 0xff, 0xff}, new(string)},
		{"MessagePack, a long map", MessagePack(), []byte{0xdf, 0xff, 0xff, 0xff, 0xff}, new(map[string]any)},
		{"protobuf, deep", Protobuf(), nested(1000), new(structpb.ListValue)},
		{"protobuf, a long field", Protobuf(), []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}, new(structpb.ListValue)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := tt.codec.Decode(tt.body, tt.into)
			runtime.ReadMemStats(&after)
			if geist.StatusCode(err) != 400 {
				t.Errorf("Decode = %v with status %d, want 400", err, geist.StatusCode(err))
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > most {
				t.Errorf("refusing it allocated %d bytes, want at most %d", n, most)
			}
		})
	}
}

func TestCodecs_depthWithinTheLimit(t *testing.T) {
	inCBOR, err := CBOR()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		codec geist.Codec
		body  []byte
		into  any
	}{
		"CBOR":        {inCBOR, append(bytes.Repeat([]byte{0x81}, maxDepth), 0x01), new(any)},
		"MessagePack": {MessagePack(), append(bytes.Repeat([]byte{0x91}, maxDepth), 0x01), new(any)},
		"protobuf":    {Protobuf(), nested(maxDepth/2 - 1), new(structpb.ListValue)},
	} {
		if err := tt.codec.Decode(tt.body, tt.into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCodecs_unsupported(t *testing.T) {
	inCBOR, err := CBOR()
	if err != nil {
		t.Fatal(err)
	}
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{typeCBOR: inCBOR}})
	app.GET("/", func(c *geist.Ctx) error { return c.Negotiate(200, make(chan int)) })
	resp := geisttest.New(t, app).GET("/").Header("Accept", typeCBOR).Do().Status(406)
	if strings.Contains(resp.Text(), "chan") {
		t.Errorf("the answer tells the type: %s", resp.Text())
	}
}

// FuzzMessagePack compares the scan with the library: what the scan lets through the
// library reads to its end, or refuses for its type, and what the library reads as a
// whole is refused by the scan only for a limit or an extra byte.
func FuzzMessagePack(f *testing.F) {
	for _, seed := range []string{
		"\x80", "\x01", "\xff", "\xc0", "\xc1", "\xa1a", "\x91\x01", "\x82\xa1a\x01\xa1b\x93\x01\x02\x03",
		"\xc4\x01x", "\xc5\x00\x01x", "\xc6\x00\x00\x00\x01x", "\xc7\x01\x05x", "\xd4\x05x", "\xd8\x050123456789abcdef",
		"\xca0123", "\xcb01234567", "\xcc0", "\xcf01234567", "\xd00", "\xd301234567", "\xd9\x01x", "\xdc\x00\x01\x01",
		"\xdd\x00\x00\x00\x01\x01", "\xde\x00\x01\xa1a\x01", "\xdf\x00\x00\x00\x01\xa1a\x01", "\xdd\xff\xff\xff\xff", "\xd6\xff0123",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		refused := scanMessagePack(data)
		if refused == nil {
			var v any
			_ = MessagePack().Decode(data, &v) // does not panic
		}
		if len(data) > 1<<10 {
			return // the library may go too deep
		}
		r := bytes.NewReader(data)
		skipped := msgpack.NewDecoder(r).Skip()
		if refused == nil && (skipped != nil || r.Len() > 0) && !isExtension(skipped) {
			t.Errorf("%x: the scan lets it through, the library: %v, %d bytes left", data, skipped, r.Len())
		}
		if refused != nil && skipped == nil && r.Len() == 0 && refused != errLarge && refused != errDeep {
			t.Errorf("%x: the scan refuses it: %v, the library does not", data, refused)
		}
	})
}

// isExtension reports whether the library knew no extension of that type.
func isExtension(err error) bool { return err != nil && strings.Contains(err.Error(), "ext") }
