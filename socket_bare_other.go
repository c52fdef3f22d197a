//go:build !linux

package geist

// bare returns false: connections stay with package net, which tells when their clients leave.
func (s *socket) bare() (socket, bool) { return socket{}, false }
