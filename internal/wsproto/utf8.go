package wsproto

import "encoding/binary"

// UTF8 checks text that comes in pieces, and fails with the first byte that no valid
// text could have there. The zero UTF8 is at the beginning of a text.
//
// Of an unfinished character it knows how many bytes are missing, and the bounds of the
// next one; only the second byte of a character has others than 80..BF:
//
//	E0       → 2 bytes to come, the next in A0..BF (else the form is too long)
//	ED       → 2 bytes to come, the next in 80..9F (else it is a surrogate)
//	F0 90    → 2 bytes to come, the next in 80..BF
type UTF8 struct{ need, low, high byte }

// Complete reports whether the text may end here.
func (u *UTF8) Complete() bool { return u.need == 0 }

// Take takes the next piece and reports whether the text can still be valid. After
// false, u is of no use.
func (u *UTF8) Take(p []byte) bool {
	for len(p) > 0 {
		if u.need == 0 {
			if p = skipASCII(p); len(p) == 0 {
				return true
			}
			if !u.begin(p[0]) {
				return false
			}
		} else {
			if p[0] < u.low || p[0] > u.high {
				return false
			}
			u.need, u.low, u.high = u.need-1, 0x80, 0xBF
		}
		p = p[1:]
	}
	return true
}

// begin takes the first byte of a character that is not ASCII.
func (u *UTF8) begin(b byte) bool {
	*u = UTF8{need: 1, low: 0x80, high: 0xBF}
	switch {
	case b >= 0xC2 && b <= 0xDF:
		return true
	case b >= 0xE0 && b <= 0xEF:
		u.need = 2
	case b >= 0xF0 && b <= 0xF4:
		u.need = 3
	default:
		return false
	}
	switch b {
	case 0xE0:
		u.low = 0xA0
	case 0xED:
		u.high = 0x9F
	case 0xF0:
		u.low = 0x90
	case 0xF4:
		u.high = 0x8F
	}
	return true
}

// skipASCII returns p from its first byte on that is not ASCII.
func skipASCII(p []byte) []byte {
	const high = 0x8080808080808080
	for len(p) >= 8 && binary.LittleEndian.Uint64(p)&high == 0 {
		p = p[8:]
	}
	for len(p) > 0 && p[0] < 0x80 {
		p = p[1:]
	}
	return p
}
