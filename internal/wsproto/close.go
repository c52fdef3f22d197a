package wsproto

import "encoding/binary"

// MaxReason is the size of the longest reason of a close frame: 123 bytes.
const MaxReason = MaxControl - 2

// ValidCode reports whether a close frame may name the status code: those that the
// registry of RFC 6455 defines for that, 3000 to 3999 for libraries and 4000 to 4999 for
// applications.
func ValidCode(code uint16) bool {
	switch {
	case code >= 1000 && code <= 1014:
		return code != 1004 && code != CodeNoStatus && code != CodeAbnormal
	case code >= 3000 && code <= 4999:
		return true
	}
	return false
}

// ParseClose reads the payload of a close frame. Without one the code is CodeNoStatus.
func ParseClose(p []byte) (code uint16, reason string, err error) {
	switch len(p) {
	case 0:
		return CodeNoStatus, "", nil
	case 1:
		return 0, "", errClosePayload
	}
	if code = binary.BigEndian.Uint16(p); !ValidCode(code) {
		return 0, "", errCloseCode
	}
	var text UTF8
	if !text.Take(p[2:]) || !text.Complete() {
		return 0, "", errCloseText
	}
	return code, string(p[2:]), nil
}

// AppendClose appends the payload of a close frame. The reason is cut to what fits, at
// the end of a character; CodeNoStatus gives no payload.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if code == CodeNoStatus {
		return dst
	}
	return append(binary.BigEndian.AppendUint16(dst, code), cutReason(reason)...)
}

// cutReason returns the longest beginning of s that fits into a close frame and is
// UTF-8.
func cutReason(s string) string {
	s = s[:min(len(s), MaxReason)]
	good, text := 0, UTF8{}
	for i := range len(s) {
		if !text.Take([]byte{s[i]}) {
			break
		}
		if text.Complete() {
			good = i + 1
		}
	}
	return s[:good]
}
