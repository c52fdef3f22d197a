package geist

import (
	"strings"
	"testing"
)

func TestConstraint_ok(t *testing.T) {
	tests := []struct{ con, yes, no string }{
		{"int", "0 -1 007 -0 9223372036854775807 -9223372036854775808", "a - +1 1.5 9223372036854775808 -9223372036854775809 99999999999999999999 ١"},
		{"uuid", "123e4567-e89b-12d3-a456-426614174000 ABCDEF00-0000-0000-0000-000000000000", "123e4567e89b12d3a456426614174000 123e4567-e89b-12d3-a456-42661417400g 123e4567_e89b-12d3-a456-426614174000"},
		{"date", "2024-02-29 2000-02-29 0000-02-29 9999-12-31", "2023-02-29 1900-02-29 2024-13-01 2024-00-10 2024-04-31 2024-4-01 24-04-01 2024-04-00 -024-01-01 2024-01--1"},
		{"alpha", "a Zz", "a1 é a_ @ ["},
		{"min(5)", "5 05 99", "4 -5 x"},
		{"max(5)", "5 -9", "6 x"},
		{"range(-2,3)", "-2 0 3", "-3 4"},
		{"len(2,3)", "ab éé abc", "a abcd é"},
		{"len(2)", "ab", "a abc"},
		{"minlen(2)", "ab", "a é"},
		{"maxlen(2)", "a ab éé", "abc"},
		{"regex(a|bc)", "a bc", "ab abc c"},
		{"regex(a.b)", "a\x00b axb", "a\x00\x00b"},
		{"even;alpha", "ab", "a 12"},
	}
	for _, tt := range tests {
		p := mustPattern(t, "/:x<"+tt.con+">")[0].segs[0].params[0]
		for _, v := range strings.Fields(tt.yes) {
			if !p.ok(v) {
				t.Errorf("%s refuses %q", tt.con, v)
			}
		}
		for _, v := range strings.Fields(tt.no) {
			if p.ok(v) {
				t.Errorf("%s accepts %q", tt.con, v)
			}
		}
	}
}
