// Package websocket has tests that let other WebSocket clients, gorilla's and coder's, talk to geist.
package websocket
