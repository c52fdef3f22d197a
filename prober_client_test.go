package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
)

// tokenMark begins every token; ten hex digits after it name client and request.
const tokenMark = "zq"

// probe is one request and the only answer that is right.
type probe struct {
	id     string // tokenMark and ten digits: what every token of the request begins with
	wire   []byte
	status int
	body   []byte
	back   string // the X-Back that must come back, or ""
	head   bool   // no body is sent
	abort  bool   // no answer, the connection ends
	panics bool
}

// prober makes the requests of one client.
type prober struct {
	rnd     *rand.Rand
	client  int
	seq     int
	variant int
	host    string // of the listener
}

func (p *prober) one(n int) bool { return p.rnd.IntN(n) == 0 }

// request makes the next request, with each place filled or not.
func (p *prober) request(large bool) *probe {
	p.seq++
	r := &probe{id: fmt.Sprintf("%s%02x%08x", tokenMark, p.client, p.seq), status: 200}
	path, params := p.target(r)
	var want bytes.Buffer
	wantLine := func(name, value string) { want.WriteString(name + "=" + value + "\n") }

	host, tenant := p.host, ""
	if p.variant == variantHosts {
		switch p.rnd.IntN(3) {
		case 0:
			tenant = r.id + "h"
			host = tenant + ".example.com"
		case 1:
			host = "exact.example.com:80"
		}
	}
	if params["t"] != "" || r.status == 404 {
		if tenant != "" {
			host, tenant = p.host, "" // mounts and 404 of the engine itself
		}
	}
	wantLine("path", path.matched)
	wantLine("host", host)
	wantLine("tenant", tenant)
	for _, name := range []string{"t", "a", "b", "c"} {
		wantLine(name, params[name])
	}
	for i := range manyParams {
		if v, ok := params[manyNames[i]]; ok {
			wantLine("p", v)
		}
	}
	wire := new(bytes.Buffer)
	method := []string{"GET", "POST", "PUT", "HEAD"}[p.rnd.IntN(4)]
	r.head = method == "HEAD"
	query, first := p.query(r, wantLine)
	fmt.Fprintf(wire, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", method, path.sent, query, host)
	mode := p.headers(r, wire, wantLine)
	body := p.body(r, wire, method, large)
	want.WriteString("body=" + body)
	r.wire, r.body = wire.Bytes(), want.Bytes()
	switch {
	case mode == "early":
		r.status, r.body, r.abort, r.panics = 202, []byte("early "+first), false, false
	case mode == "panic":
		r.abort = false
		r.panics = true
	}
	if r.panics {
		r.status, r.body = 500, []byte(`{"title":"Internal Server Error","status":500}`)
	} else if r.status == 409 {
		r.body = []byte(`{"title":"Conflict","status":409,"detail":"taken","token":"` + params["a"] + `"}`)
	}
	return r
}

// probePath is a path as it is sent and as Ctx.Path tells it.
type probePath struct{ sent, matched string }

func (t *probePath) text(s string) { t.sent += s; t.matched += s }

// target chooses a route and fills its parameters.
func (p *prober) target(r *probe) (probePath, map[string]string) {
	var t probePath
	params := map[string]string{}
	value := func(name string) { params[name] = p.segment(r, &t, name) }
	switch p.rnd.IntN(16) {
	case 0, 1, 2:
		t.text("/r/")
		value("a")
	case 3:
		t.text("/m/")
		value("a")
		t.text("/")
		value("b")
		t.text("/")
		value("c")
	case 4:
		t.text("/m/")
		value("a")
		t.text("/fixed/")
		value("c")
	case 5:
		a, b := r.id+"a", r.id+"b"
		params["a"], params["b"] = a, b
		t.text("/f/" + a + "." + b)
	case 6:
		t.text("/o")
		if p.one(2) {
			t.text("/")
			value("a")
		}
	case 7:
		t.text("/w/")
		v := p.segment(r, &t, "v")
		t.text("/")
		params["a"] = v + "/" + p.segment(r, &t, "w")
	case 8:
		t.text("/many")
		for i := range manyParams {
			t.text("/")
			value(manyNames[i])
		}
	case 9:
		t.text("/fail/" + r.id + "a")
		params["a"], r.status = r.id+"a", 409
	case 10:
		if p.one(3) {
			t.text("/panic/" + r.id + "a")
			r.panics = true
			break
		}
		if p.one(4) {
			t.text("/abort/" + r.id + "aaa"[p.rnd.IntN(3):])
			r.abort = true
			break
		}
		fallthrough
	case 11:
		t.text("/mnt/")
		value("t")
		t.text("/c/")
		value("a")
	case 12:
		t.text("/mnt/")
		value("t")
		t.text("/none/")
		p.segment(r, &t, "x")
		r.status = 404
	case 13:
		t.text("/none/")
		p.segment(r, &t, "x")
		r.status = 404
	default:
		t.text("/g/")
		value("b")
		t.text("/")
		value("a")
	}
	if p.variant == variantFolded {
		p.disguise(&t)
	}
	return t, params
}

// disguise sends a path that is normalised to the same.
func (p *prober) disguise(t *probePath) {
	if p.one(2) {
		t.sent = "/" + string(bytes.ToUpper([]byte{t.sent[1]})) + t.sent[2:]
	}
	if p.one(3) {
		t.sent = "/" + t.sent
	}
	if p.one(3) {
		t.sent += "/"
	}
}

// segment appends a parameter's value to a path and returns it decoded.
func (p *prober) segment(r *probe, t *probePath, name string) string {
	v := r.id + name
	t.text(v)
	switch p.rnd.IntN(8) {
	case 0:
		t.sent, t.matched = t.sent+"%2Fs", t.matched+"%2Fs"
		return v + "/s"
	case 1:
		t.sent, t.matched = t.sent+"%20%41", t.matched+" "+p.fold("A")
		return v + " A"
	case 2:
		filler := p.filler()
		t.text(filler)
		return v + filler
	}
	return v
}

func (p *prober) fold(s string) string {
	if p.variant == variantFolded {
		return string(bytes.ToLower([]byte(s)))
	}
	return s
}

const fillerText = "0123456789abcdefghijklmnopqrstuvwxy"

func (p *prober) filler() string {
	n := p.rnd.IntN(120)
	if p.one(50) {
		n += 700 // more than the arena takes
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = fillerText[i%len(fillerText)]
	}
	return string(b)
}

// query returns a query and its first field's value.
func (p *prober) query(r *probe, want func(name, value string)) (query, first string) {
	sep := "?"
	field := func(name, sent string) { query += sep + name + "=" + sent; sep = "&" }
	if p.one(2) {
		first = r.id + "q1"
		field("q1", first)
	}
	want("q1", first)
	second := ""
	if p.one(3) {
		second = r.id + " q&2" + p.filler()
		field("q2", r.id+"+q%262"+second[len(r.id)+4:])
	}
	want("q2", second)
	for i := range p.rnd.IntN(3) {
		v := r.id + "m" + strconv.Itoa(i)
		field("m", v)
		want("m", v)
	}
	return query, first
}

// headers writes header fields and returns the mode that was asked for.
func (p *prober) headers(r *probe, wire *bytes.Buffer, want func(name, value string)) (mode string) {
	field := func(name, key string) string {
		if name == "" || !p.one(2) {
			return ""
		}
		v := r.id + key + p.filler()
		wire.WriteString(name + ": " + v + "\r\n")
		return v
	}
	want("ha", field("X-A", "ha"))
	want("hb", field("X-B", "hb"))
	cookie := func(name string) string {
		if !p.one(2) {
			return ""
		}
		return r.id + name
	}
	ca, cb := cookie("ca"), cookie("cb")
	switch {
	case ca != "" && cb != "":
		wire.WriteString("Cookie: ca=" + ca + "; cb=" + cb + "\r\n")
	case ca != "":
		wire.WriteString("Cookie: ca=" + ca + "\r\n")
	case cb != "":
		wire.WriteString("Cookie: x=y; cb=" + cb + "\r\n")
	}
	want("ca", ca)
	want("cb", cb)
	key := field("X-Key", "ky")
	want("key", key)
	if key != "" {
		want("ptr", key)
	}
	want("kv", field("X-Kv", "kv"))
	r.back = field("X-Back", "bk")
	if p.one(4) {
		wire.WriteString("X-Close: 1\r\n")
	}
	if p.one(40) {
		wire.WriteString("X-Ctx: " + r.id + "cx\r\n")
	}
	switch p.rnd.IntN(60) {
	case 0, 1:
		mode = "early"
	case 2:
		mode = "panic"
	case 3, 4:
		mode = "after"
	default:
		return ""
	}
	wire.WriteString("X-Mode: " + mode + "\r\n")
	return mode
}

// body writes the end of the header and a body, in one of its framings.
func (p *prober) body(r *probe, wire *bytes.Buffer, method string, large bool) string {
	if method == "GET" || method == "HEAD" {
		wire.WriteString("\r\n")
		return ""
	}
	body := ""
	if p.one(2) {
		body = r.id + "bd" + p.filler()
	}
	if large {
		body = r.id + string(bytes.Repeat([]byte("large"), 20_000))
	}
	if p.one(4) && body != "" {
		half := len(body) / 2
		fmt.Fprintf(wire, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
			half, body[:half], len(body)-half, body[half:])
		return body
	}
	fmt.Fprintf(wire, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return body
}

// probeAnswer is one answer; its parts are valid until the next is read.
type probeAnswer struct {
	status int
	header []byte
	back   string
	body   []byte
	close  bool
}

// readAnswer reads an answer with a Content-Length.
func (a *probeAnswer) read(br *bufio.Reader, head bool) error {
	a.status, a.back, a.close, a.header = 0, "", false, a.header[:0]
	length := 0
	for first := true; ; first = false {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		a.header = append(a.header, line...)
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < 12 {
				return fmt.Errorf("status line %q", line)
			}
			if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return fmt.Errorf("status line %q", line)
			}
		case len(line) == 0:
			a.body = append(a.body[:0], make([]byte, length)...)
			if head {
				a.body = a.body[:0]
			}
			_, err = io.ReadFull(br, a.body)
			return err
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if length, err = strconv.Atoi(string(line[16:])); err != nil {
				return err
			}
		case bytes.HasPrefix(line, []byte("X-Back: ")):
			a.back = string(line[8:])
		case bytes.EqualFold(line, []byte("Connection: close")):
			a.close = true
		}
	}
}

// resetConn ends a connection by RST, as a crashed client does.
func resetConn(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
