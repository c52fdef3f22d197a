// Package vanish has tests of clients that end without a word: one whose cable is cut, so
// that no packet of it arrives any more, not even the end of its connections, and one that
// is killed in the midst of messages. The first needs Linux, iproute2, and root or user
// namespaces for a network of its own.
package vanish
