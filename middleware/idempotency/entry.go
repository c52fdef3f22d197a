package idempotency

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash"

	"github.com/gogeist/geist"
)

// request is what a key and a request come down to.
type request struct {
	entry    string // the key of the store
	print    string // differs where requests do
	streamed bool   // the body was not looked at
}

// newRequest looks at a request, whose body is read unless its route streams it.
func newRequest(c *geist.Ctx, scope string) (*request, error) {
	rc := c.Raw()
	fields := rc.Request.Header.PeekAll("Idempotency-Key")
	if len(fields) != 1 {
		return nil, ErrKey
	}
	key, ok := parseKey(string(fields[0]))
	if !ok {
		return nil, ErrKey
	}
	r := &request{entry: sum([]byte(scope), []byte(c.Method()), []byte(c.Host()), []byte(c.Path()), []byte(key))}
	var body []byte
	if !rc.Request.IsBodyStream() {
		body = rc.Request.Body()
	}
	// A body that is announced and not there is one that its route streams, or that could not be read.
	n := rc.Request.Header.ContentLength()
	r.streamed = len(body) == 0 && (n > 0 || n == -1) // -1 is in chunks
	r.print = sum(rc.URI().QueryString(), rc.Request.Header.ContentType(), body)
	return r, nil
}

// sum returns the SHA-256 of parts, with the length of each before it: no two lists are the same.
func sum(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		write(h, p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func write(h hash.Hash, p []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(p)))
	h.Write(n[:])
	h.Write(p)
}

// entry is what stands under a key. An empty value is one that is free.
//
//	{"print":"…","running":true}                            a request is being carried out
//	{"print":"…","status":201,"header":[…],"body":"…"}      its answer
//	{"print":"…"}                                           it was carried out, its answer is not kept
type entry struct {
	Print   string  `json:"print"`
	Running bool    `json:"running,omitempty"`
	Status  int     `json:"status,omitempty"`
	Header  []field `json:"header,omitempty"`
	Body    []byte  `json:"body,omitempty"`
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (e entry) encode() ([]byte, error) { return json.Marshal(e) }

func decodeEntry(val []byte) (*entry, error) {
	e := new(entry)
	if err := json.Unmarshal(val, e); err != nil {
		return nil, err
	}
	return e, nil
}

// answerOf returns the answer as it is to be kept.
func (m *manager) answerOf(c *geist.Ctx, fingerprint string) entry {
	resp := &c.Raw().Response
	body := resp.Body()
	if len(body) > m.conf.MaxBytes {
		return entry{Print: fingerprint}
	}
	e := entry{Print: fingerprint, Status: resp.StatusCode(), Body: body}
	for _, name := range m.conf.Headers {
		for _, value := range resp.Header.PeekAll(name) {
			e.Header = append(e.Header, field{name, string(value)})
		}
	}
	return e
}

// replay answers with what was kept.
func (e *entry) replay(c *geist.Ctx) error {
	c.Status(e.Status)
	resp := &c.Raw().Response
	resp.SetBody(e.Body)
	for i, f := range e.Header {
		if i > 0 && e.Header[i-1].Name == f.Name {
			c.AddHeader(f.Name, f.Value)
		} else {
			c.SetHeader(f.Name, f.Value)
		}
	}
	c.SetHeader("Idempotency-Replayed", "true")
	return nil
}
