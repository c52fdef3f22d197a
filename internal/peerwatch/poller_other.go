//go:build !linux

package peerwatch

// poller is empty where there is no epoll: each watch gets a goroutine.
type poller struct{}

func (w *Watcher) addLocked(*Watch) bool { return false }

func (w *Watcher) removeLocked(*Watch) {}
