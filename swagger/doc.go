// Package swagger describes a geist application: its HTTP routes as OpenAPI 3.1 and 3.2,
// its WebSockets and streams of events as AsyncAPI 3.
package swagger
