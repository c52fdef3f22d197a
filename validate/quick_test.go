package validate

import (
	"testing"

	"github.com/go-playground/validator/v10"
)

// FuzzForms: what is quickly taken for right is right for validator, too.
func FuzzForms(f *testing.F) {
	for _, s := range []string{
		"", "a", "ada@example.com", "a.b_c+d-e@x-y.example", "a@b", ".a@b.cd", "a..b@c.de", "a.@b.cd", "a@-b.cd", "a@b-.cd", "a@b.c1", "a@b.c",
		"a@@b.cd", "a b@c.de", "ü@example.com", "a@example.com.", "x1", "550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000",
		"550e8400-e29b-41d4-a716-44665544000g", "550e8400ee29b-41d4-a716-446655440000",
	} {
		f.Add(s)
	}
	v := validator.New()
	f.Fuzz(func(t *testing.T, s string) {
		for rule, form := range forms {
			if form(s) && v.Var(s, rule) != nil {
				t.Errorf("%q is taken for right by %s, which validator refuses", s, rule)
			}
		}
	})
}

// TestForms: the usual values are among those that are quickly seen.
func TestForms(t *testing.T) {
	for rule, s := range map[string]string{"alpha": "Ada", "alphanum": "a1", "email": "ada.lovelace+x@mail.example.com", "uuid": "550e8400-e29b-41d4-a716-446655440000"} {
		if !forms[rule](s) {
			t.Errorf("%s: %q is not seen", rule, s)
		}
	}
}
