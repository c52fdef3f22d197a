// Package httpfield reads the values of header fields that more than one package
// acts on: weights, content codings, entity tags and lists of names. All of it takes
// what clients send, in one pass and without an allocation; what is malformed counts as
// not sent.
package httpfield
