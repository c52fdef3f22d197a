// Package unsafestring converts between strings and bytes without copying.
package unsafestring

import "unsafe"

// String returns b as a string that shares its memory.
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Bytes returns s as bytes that share its memory.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
