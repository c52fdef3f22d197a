// Package hub delivers messages to rooms of connections.
package hub
