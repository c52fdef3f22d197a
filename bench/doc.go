// Package bench compares geist with its peers. See README.md.
//
// The scenes are in package scenes, the applications in package peers. This
// package runs each scene as a test, which proves the answers, and as an
// ordinary benchmark. Figures to quote come from cmd/compare, which interleaves.
package bench
