// Package guard holds what a change must not make worse and what can be counted exactly:
// allocations and calls of a request, bytes on the wire, goroutines and memory of an idle
// connection, writes of a burst. Times are none of it: they differ from machine to machine
// and from minute to minute, counts do not.
//
// Figures are compared with a baseline, a file that is committed. Who makes one worse on
// purpose writes the baseline anew, and the difference is there to be reviewed.
package guard
