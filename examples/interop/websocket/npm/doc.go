// Package npm lets ws, the usual WebSocket client and server of Node.js, talk to geist.
package npm
