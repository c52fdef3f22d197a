package peers

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Applications of the loopback scenes, which servers of their own serve over sockets. Each
// peer builds two, in its file: Peer.Plain has [PlainExchanges] and no middleware, Peer.API
// is the mix of a usual service: 200 routes of [Resources], request ids, client addresses
// behind a proxy, CORS, header fields for browsers, recovery, typed binding of queries and
// JSON with validation, and errors as JSON.

// An Exchange is a request and what every peer answers.
type Exchange struct {
	// Name says what it is.
	Name string
	// Request is the request as it is on the wire.
	Request []byte
	// Status, Type and Body are those of the answer. Type is how the Content-Type begins;
	// space behind a body does not count.
	Status int
	Type   string
	Body   []byte
	// Header lists fields that the answer must have with their values; an empty value
	// stands for any.
	Header map[string]string
}

// BlobSize is the size of the bodies of upload and download, in bytes.
const BlobSize = 1 << 20

// PlainExchanges returns what the plain applications answer: hello, param, json, upload and
// download, by their names.
func PlainExchanges() []Exchange {
	user, _ := json.Marshal(newUser(583231)) // it has nothing that cannot be encoded
	const text = "text/plain"
	return []Exchange{
		{Name: "hello", Request: request("GET", "/hello", "", nil), Status: 200, Type: text, Body: []byte(Body)},
		{Name: "param", Request: request("GET", "/users/mona-lisa", "", nil), Status: 200, Type: text, Body: []byte("mona-lisa")},
		{Name: "json", Request: request("GET", "/json", "", nil), Status: 200, Type: jsonType, Body: user},
		{Name: "upload", Request: request("POST", "/upload", octets, blob()), Status: 200, Type: text, Body: []byte(strconv.Itoa(BlobSize))},
		{Name: "download", Request: request("GET", "/download", "", nil), Status: 200, Type: octets, Body: blob()},
	}
}

const (
	jsonType = "application/json"
	octets   = "application/octet-stream"
)

// blob returns BlobSize bytes that do not repeat soon.
func blob() []byte {
	b := make([]byte, BlobSize)
	for i := range b {
		b[i] = byte(i * 131 >> 5)
	}
	return b
}

// request writes a request with the fields that the middlewares of the mix look for.
func request(method, target, ctype string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n", method, target)
	if strings.HasPrefix(target, APIPrefix) {
		fmt.Fprintf(&b, "Origin: %s\r\nX-Forwarded-For: %s\r\n", Origin, ClientIP)
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", ctype, len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

const (
	// APIPrefix is how the paths of the mix begin.
	APIPrefix = "/api/v1/"
	// Origin is that of the pages which the mix allows to read answers.
	Origin = "https://app.example.com"
	// ClientIP is the address that the proxy on the loopback tells of.
	ClientIP = "203.0.113.7"
)

// Resources are the names of those of the mix. Each has five routes: a list and POST under
// APIPrefix and the name; GET, PUT and DELETE with an id behind it.
func Resources() []string {
	return strings.Fields("accounts addresses alerts articles assets audits batches branches budgets campaigns " +
		"carts catalogs charges comments companies contacts contracts coupons customers deliveries " +
		"devices documents employees events feedbacks invoices items labels locations messages " +
		"orders payments products projects refunds reports reviews shipments tickets users")
}

// secureHeaders are the fields for browsers that answers of the mix have: those of
// middleware/secure.
var secureHeaders = [...][2]string{
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "SAMEORIGIN"},
	{"Referrer-Policy", "strict-origin-when-cross-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
}

// A ListQuery is what lists of the mix take.
type ListQuery struct {
	Page  int    `query:"page" validate:"min=1,max=1000"`
	Limit int    `query:"limit" validate:"min=1,max=100"`
	Sort  string `query:"sort" validate:"oneof=name created"`
	Tag   string `query:"tag" validate:"max=20"`
}

// EntryInput is the document that POST and PUT of the mix take.
type EntryInput struct {
	Name     string   `json:"name" validate:"required,min=2,max=50"`
	Email    string   `json:"email" validate:"required,email"`
	Quantity int      `json:"quantity" validate:"gte=1,lte=1000"`
	Tags     []string `json:"tags" validate:"max=10,dive,max=20"`
}

// A Entry is what the mix answers for one thing.
type Entry struct {
	ID       int      `json:"id"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Quantity int      `json:"quantity"`
	Tags     []string `json:"tags"`
	Client   string   `json:"client"`
}

// A Page is what lists of the mix answer.
type Page struct {
	Page  int     `json:"page"`
	Limit int     `json:"limit"`
	Sort  string  `json:"sort"`
	Tag   string  `json:"tag"`
	Items []Entry `json:"items"`
}

// A Trouble is what the mix answers where something is wrong.
type Trouble struct {
	Error string `json:"error"`
}

// troubleOf returns the answer of a status: 400, 404, 422 or 500.
func troubleOf(status int) *Trouble {
	switch status {
	case http.StatusBadRequest:
		return &Trouble{"malformed"}
	case http.StatusNotFound:
		return &Trouble{"not found"}
	case http.StatusUnprocessableEntity:
		return &Trouble{"invalid"}
	}
	return &Trouble{"internal"}
}

func (q *ListQuery) page(client string) *Page {
	p := &Page{Page: q.Page, Limit: q.Limit, Sort: q.Sort, Tag: q.Tag, Items: make([]Entry, 5)}
	for i := range p.Items {
		p.Items[i] = stored((q.Page-1)*q.Limit+i+1, client)
	}
	return p
}

func (in *EntryInput) record(id int, client string) *Entry {
	return &Entry{id, in.Name, in.Email, in.Quantity, in.Tags, client}
}

// stored stands for what a database would return.
func stored(id int, client string) Entry {
	return Entry{id, "Mona Lisa Octocat", "octocat@example.com", 3, storedTags, client}
}

var storedTags = []string{"go", "web"}

// newID is the id of what POST makes, since nothing is kept.
const newID = 1001

// newRequestID returns 128 random bits, for peers without a middleware that does.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process
	return hex.EncodeToString(b[:])
}

// requestID is the canonical name of that field.
const requestID = "X-Request-Id"

// APIExchanges returns the mix: twenty requests that a client sends in turn, two of them
// in error.
func APIExchanges() []Exchange {
	names := Resources()
	var all []Exchange
	for i := range 8 {
		all = append(all, listExchange(names[i*5], i+1))
	}
	for i := range 5 {
		all = append(all, showExchange(names[i*8+1], 40+i))
	}
	for i := range 3 {
		all = append(all, writeExchange("POST", names[i*13+2], newID))
	}
	all = append(all,
		writeExchange("PUT", names[38], 7),
		apiExchange("delete", request("DELETE", APIPrefix+names[17]+"/9", "", nil), http.StatusNoContent, nil),
		troubleExchange("no such path", "GET", "nothing/here/at/all", "", http.StatusNotFound),
		invalidExchange("bad quantity", names[30], `{"name":"Ada Lovelace","email":"ada@example.com","quantity":0,"tags":[]}`),
	)
	// Kinds alternate, as they would come.
	mixed := make([]Exchange, len(all))
	for i, e := range all {
		mixed[i*7%len(all)] = e
	}
	return mixed
}

// ProofExchanges returns what the mix must answer too, and is not timed for: wrong queries
// and documents, and a panic.
func ProofExchanges() []Exchange {
	names := Resources()
	return []Exchange{
		troubleExchange("limit too high", "GET", names[3]+"?page=1&limit=1000&sort=name", "", http.StatusUnprocessableEntity),
		invalidExchange("no name", names[4], `{"email":"ada@example.com","quantity":1}`),
		invalidExchange("bad address", names[5], `{"name":"Ada Lovelace","email":"nowhere","quantity":1}`),
		invalidExchange("long tag", names[6], `{"name":"Ada Lovelace","email":"ada@example.com","quantity":1,"tags":["a tag of more than twenty letters"]}`),
		troubleExchange("malformed", "POST", names[7], `{"name":`, http.StatusBadRequest),
		troubleExchange("panic", "GET", "panic", "", http.StatusInternalServerError),
	}
}

func listExchange(name string, page int) Exchange {
	q := ListQuery{Page: page, Limit: 20, Sort: "created", Tag: "go"}
	target := fmt.Sprintf("%s%s?page=%d&limit=20&sort=created&tag=go", APIPrefix, name, page)
	return apiExchange("list", request("GET", target, "", nil), http.StatusOK, q.page(ClientIP))
}

func showExchange(name string, id int) Exchange {
	return apiExchange("show", request("GET", fmt.Sprintf("%s%s/%d", APIPrefix, name, id), "", nil), http.StatusOK, stored(id, ClientIP))
}

func writeExchange(method, name string, id int) Exchange {
	in := EntryInput{Name: "Ada Lovelace", Email: "ada@example.com", Quantity: 36, Tags: []string{"math", "engines"}}
	doc, _ := json.Marshal(in) // it has nothing that cannot be encoded
	target, status := APIPrefix+name, http.StatusCreated
	if method == http.MethodPut {
		target, status = fmt.Sprintf("%s/%d", target, id), http.StatusOK
	}
	return apiExchange(strings.ToLower(method), request(method, target, jsonType, doc), status, in.record(id, ClientIP))
}

func invalidExchange(what, name, doc string) Exchange {
	return troubleExchange(what, "POST", name, doc, http.StatusUnprocessableEntity)
}

func troubleExchange(what, method, target, doc string, status int) Exchange {
	var body []byte
	if doc != "" {
		body = []byte(doc)
	}
	return apiExchange(what, request(method, APIPrefix+target, jsonType, body), status, troubleOf(status))
}

func apiExchange(name string, req []byte, status int, answer any) Exchange {
	e := Exchange{Name: name, Request: req, Status: status, Header: map[string]string{
		requestID: "", "Access-Control-Allow-Origin": Origin, "Vary": "Origin",
	}}
	for _, h := range secureHeaders {
		e.Header[h[0]] = h[1]
	}
	if answer != nil {
		e.Type = jsonType
		e.Body, _ = json.Marshal(answer) // likewise
	}
	return e
}

// Check compares an answer with what every peer must answer.
func (e *Exchange) Check(status int, h http.Header, body []byte) error {
	if status != e.Status || !bytes.Equal(bytes.TrimRight(body, "\n"), e.Body) {
		return fmt.Errorf("%s: answered %d %.300q, want %d %.300q", e.Name, status, body, e.Status, e.Body)
	}
	if got := h.Get("Content-Type"); !strings.HasPrefix(got, e.Type) {
		return fmt.Errorf("%s: the content type is %q, want %q", e.Name, got, e.Type)
	}
	for name, want := range e.Header {
		got := h.Values(name)
		if len(got) != 1 || got[0] == "" || want != "" && got[0] != want {
			return fmt.Errorf("%s: answered with %s %q, want one: %q", e.Name, name, got, want)
		}
	}
	return e.surplus(h)
}

// surplus refuses fields that others would have to pay for as well.
func (e *Exchange) surplus(h http.Header) error {
	for name := range h {
		if _, ok := e.Header[name]; !ok && !slices.Contains([]string{"Date", "Content-Type", "Content-Length"}, name) {
			return fmt.Errorf("%s: answered with the field %s, which no other has", e.Name, name)
		}
	}
	if h.Get("Date") == "" {
		return fmt.Errorf("%s: answered without Date", e.Name)
	}
	return nil
}

// panicking is what the route of the mix for panics does.
func panicking() { panic("asked for") }
