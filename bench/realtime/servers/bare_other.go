//go:build !unix

package servers

// Without write(2) there are no floors.
func bareSocketPeers() []Peer { return nil }
func bareStreamPeers() []Peer { return nil }
