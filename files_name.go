package geist

import (
	"io/fs"
	"runtime"
	"strings"
)

// fileName checks what a request names below the prefix of files, a decoded path in
// which NUL stands for a slash that was encoded. It returns the name without a
// trailing slash. Names are judged as strings, on every platform alike: what one
// system reads as a device, a stream or another directory is no file on any.
//
//	"css/app.css"  →  ok
//	"..", "a\b", "a%2Fb", "a:x", "aux.txt", "a.", ".git/config"  →  not ok
func fileName(rest string, dotFiles bool) (name string, ok bool) {
	name = strings.TrimSuffix(rest, "/")
	if name == "" {
		return "", true
	}
	if !fs.ValidPath(name) || name == "." {
		return "", false
	}
	for i := range len(name) {
		if b := name[i]; b < ' ' || b == 0x7f || b == '\\' || b == ':' {
			return "", false
		}
	}
	first := true
	for seg := range strings.SplitSeq(name, "/") {
		if seg[0] == '.' && !dotFiles && (!first || seg != ".well-known") {
			return "", false
		}
		if last := seg[len(seg)-1]; last == '.' || last == ' ' || isDevice(seg) || isShortName(seg) {
			return "", false
		}
		first = false
	}
	return name, true
}

// isDevice reports whether Windows takes a name for a device, whatever its extension.
func isDevice(seg string) bool {
	base := seg
	if i := strings.IndexByte(seg, '.'); i >= 0 {
		base = seg[:i]
	}
	base = strings.TrimRight(base, " ")
	switch len(base) {
	case 3:
		return equalFold(base, "con") || equalFold(base, "prn") || equalFold(base, "aux") || equalFold(base, "nul")
	case 4, 5: // the superscript digits ¹, ² and ³ take two bytes
		port := equalFold(base[:3], "com") || equalFold(base[:3], "lpt")
		return port && (len(base) == 4 && '0' <= base[3] && base[3] <= '9' || base[3:] == "¹" || base[3:] == "²" || base[3:] == "³")
	case 6, 7:
		return equalFold(base, "conin$") || equalFold(base, "conout$") || equalFold(base, "clock$")
	}
	return false
}

// isShortName reports whether Windows may take a name for the short form of
// another, such as GIT~1 for .git. Elsewhere these are names like any other.
func isShortName(seg string) bool {
	if runtime.GOOS != "windows" {
		return false
	}
	i := strings.IndexByte(seg, '~')
	return i > 0 && i+1 < len(seg) && '0' <= seg[i+1] && seg[i+1] <= '9'
}
