// Package browser tests the JavaScript client in a real browser against the room server,
// through a proxy that makes trouble: client.mjs has the scenarios.
package browser
