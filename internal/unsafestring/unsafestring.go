// Package unsafestring converts between strings and bytes without copying. It is
// the only package of geist that imports unsafe: whoever audits the memory safety of
// the framework reads this file and the callers that grep finds.
package unsafestring

import "unsafe"

// String returns b as a string that shares its memory. As long as the string, or a
// part cut from it, is reachable, nobody may write to b: strings are immutable, and
// maps, comparisons and the compiler rely on it. A nil or empty b gives "".
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Bytes returns s as bytes that share its memory, with no spare capacity, so that
// append copies. Nobody may write to them: a string constant lies in read-only pages,
// and writing to it kills the process beyond any recover. An empty s gives an empty slice.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Within reports whether part begins in the memory of whole, its spare capacity included. An
// empty part lies nowhere.
func Within(part, whole []byte) bool {
	if len(part) == 0 {
		return false
	}
	at, first := uintptr(unsafe.Pointer(unsafe.SliceData(part))), uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return at >= first && at-first < uintptr(cap(whole))
}
