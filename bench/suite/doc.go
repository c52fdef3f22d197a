// Package suite runs scenes one after the other and keeps what they measure.
//
// Each scene runs in a process of its own, this program started again: no scene inherits
// the heap of another, and a peer that brings its process down or never comes back costs
// the run that peer and nothing else. The program calls [ServeChild] before it looks at its
// arguments.
package suite
