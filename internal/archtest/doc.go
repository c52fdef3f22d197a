// Package archtest holds the rules of this repository as tests, over all of its
// modules: which package may import which, what carries a comment, what may be a
// package variable. It has no code to import. Each rule is tried on small bad trees
// too, so that none can stop reporting unnoticed.
package archtest
