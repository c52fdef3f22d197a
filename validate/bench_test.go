package validate_test

import (
	"testing"

	"github.com/go-playground/validator/v10"

	"github.com/gogeist/geist/validate"
)

// BenchmarkValidate compares with validator itself, which names every field and goes on
// after a hundred.
func BenchmarkValidate(b *testing.B) {
	type user struct {
		Name  string   `json:"name" validate:"required,min=2,max=50"`
		Email string   `json:"email" validate:"required,email"`
		Age   int      `json:"age" validate:"gte=0,lte=150"`
		Tags  []string `json:"tags" validate:"max=10,dive,max=20"`
		Items []item   `json:"items" validate:"max=10,dive"`
	}
	u := &user{"Ada Lovelace", "ada@example.com", 36, []string{"math", "engines"}, []item{{"a", 1}, {"b", 2}}}
	b.Run("geist", func(b *testing.B) {
		v := validate.New()
		b.ReportAllocs()
		for b.Loop() {
			if v.Validate(nil, u) != nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("validator", func(b *testing.B) {
		v := validator.New()
		b.ReportAllocs()
		for b.Loop() {
			if v.Struct(u) != nil {
				b.Fatal("refused")
			}
		}
	})
}
