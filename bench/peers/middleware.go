package peers

import "time"

// Middleware is one scene of middleware: the same of several frameworks.
type Middleware struct {
	// Name is that of the middleware, or "ten" for ten of them.
	Name string
	// Title says what is compared.
	Title string
	// Fields are names of fields that every answer must have: they show that the middleware runs.
	Fields []string
	// Same asks for the same answer of all fasthttp frameworks, to the byte but for the date.
	Same bool
	// Probe is a request that shows what no field does, and ProbeStatus its answer.
	Probe       string
	ProbeStatus int
	// NoGin says why Gin is missing; empty means that it is there.
	NoGin string
}

// A Stack is an application of one framework with its middleware.
type Stack struct {
	// Peer is the framework, and Variant what tells its rows apart; it is empty for the row
	// with the middleware.
	Peer, Variant string
	App           App
	// Plain has no middleware: the fields and the answer to the probe are not expected of it.
	Plain bool
}

// MiddlewareRequest is the request of these scenes.
const MiddlewareRequest = "GET /hello HTTP/1.1\r\nHost: api.example.com\r\nOrigin: " + stackOrigin +
	"\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Basic YWRhOmVuY2hhbnRyZXNz\r\n\r\n"

const (
	probePanic = "GET /panic HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
	probeLong  = "POST /hello HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz"
	probeAlien = "GET /hello HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Basic YWRhOmd1ZXNzZWQ=\r\n\r\n"
)

// Settings that all frameworks are given.
const (
	stackOrigin  = "https://app.example.com"
	stackOrigin2 = "https://admin.example.com"
	stackTimeout = 5 * time.Second
	stackBytes   = 16
	stackUser    = "ada"
	stackSecret  = "enchantress"
	// stackRate is a number of requests that no run reaches, in a second with geist, in an hour
	// with Fiber.
	stackRate = 1_000_000_000
)

// fiveAsFiber is Fiber's secure with the fields that geist's sends, and no others.
const fiveAsFiber = "secure, five fields"

// ten returns the names of the middleware of the chain, from the outside in.
func ten() []string {
	return []string{"recovery", "requestid", "clientip", "logger", "cors", "secure", "ratelimit", "timeout", "bodylimit", "etag"}
}

// Middlewares returns the scenes of single middleware, and that of ten together.
func Middlewares() []Middleware {
	const noGin = "neither it nor its contributed modules have one"
	return []Middleware{
		{Name: "recovery", Title: "recovery from panics, of which there are none", Same: true, Probe: probePanic, ProbeStatus: 500},
		{Name: "requestid", Title: "a new id for each request", Fields: []string{"X-Request-Id"}},
		{Name: "clientip", Title: "the client's address, without a proxy; Fiber and Gin have a method for it", Same: true},
		{Name: "logger", Title: "an access log that leaves the requests out", Same: true},
		{Name: "cors", Title: "CORS, a request from one of two origins", Fields: []string{"Access-Control-Allow-Origin", "Vary"}},
		{Name: "secure", Title: "header fields for browsers: five of geist, eleven of Fiber, three of Gin; Fiber again with geist's five by hand",
			Fields: []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"}},
		{Name: "ratelimit", Title: "a rate limit that is never reached: two fields of geist, three of Fiber", NoGin: noGin},
		{Name: "timeout", Title: "a timeout that is never reached; Fiber and Gin run the handler on a goroutine of its own", Same: true},
		{Name: "bodylimit", Title: "a bound of bodies, a request without one; Fiber's is a setting of its server", Same: true,
			Probe: probeLong, ProbeStatus: 413},
		{Name: "etag", Title: "the entity tag of 13 bytes: geist's by SHA-256, Fiber's by CRC-32", Fields: []string{"Etag"}, NoGin: noGin},
		{Name: "basicauth", Title: "a password that was checked before: geist's kept as PBKDF2, Fiber's as SHA-256, Gin's as it is",
			Probe: probeAlien, ProbeStatus: 401},
		{Name: "ten", Title: "recovery, requestid, clientip, logger, cors, secure, ratelimit, timeout, bodylimit and etag together; " +
			"Fiber again with the fields of geist's secure by hand; Gin without ratelimit and etag",
			Fields: []string{"X-Request-Id", "Access-Control-Allow-Origin", "X-Content-Type-Options"}, Probe: probeLong, ProbeStatus: 413},
	}
}

// Stacks builds the contenders: of each framework the one with the middleware, and one alone.
func (m Middleware) Stacks() []Stack {
	names := []string{m.Name}
	if m.Name == "ten" {
		names = ten()
	}
	all := []Stack{
		{Peer: "geist", App: geistStack(names)}, {Peer: "geist", Variant: "alone", App: geistStack(nil), Plain: true},
		{Peer: "fiber", App: fiberStack(names)}, {Peer: "fiber", Variant: "alone", App: fiberStack(nil), Plain: true},
	}
	if m.Name == "secure" || m.Name == "ten" {
		five := make([]string, len(names))
		for i, name := range names {
			if five[i] = name; name == "secure" {
				five[i] = fiveAsFiber
			}
		}
		all = append(all, Stack{Peer: "fiber", Variant: "five fields", App: fiberStack(five)})
	}
	if m.NoGin == "" {
		all = append(all, Stack{Peer: "gin", App: ginStack(names)}, Stack{Peer: "gin", Variant: "alone", App: ginStack(nil), Plain: true})
	}
	return all
}
