package geist

import "reflect"

// Validator checks what requests are bound to, by the rules that its types have in their
// tags. Config.Validator names one; validate.New, of a module of its own, is the usual
// one. It is safe for many goroutines.
type Validator interface {
	// Check reports whether values of a struct type have rules, in it or in what it
	// holds, and what is wrong with the rules, a sentence each that names the field. It
	// is called before the first value of the type is validated, and more than once.
	Check(t reflect.Type) (rules bool, problems []string)

	// Validate checks v, a pointer to a struct of a type without problems, and returns
	// what its values violate; none is right. It does not change v. c is for the language
	// of the texts and for rules that need the request; it is nil outside of one.
	Validate(c *Ctx, v any) []Violation
}

// Violation is one value that a rule does not allow.
type Violation struct {
	// Path leads to the value from the struct: names of fields in Go, those of embedded
	// structs included, indexes of slices in decimal, keys of maps as JSON writes them, and
	// for a OneOf what its member says, in front of the fields of the variant.
	Path []string
	// Detail says what is wanted, for the client: never what the value is, nor what the
	// field is called in Go.
	Detail string
}

// ruled is what is known of the rules of a type.
type ruled struct {
	rules    bool
	problems []string
}

// rules asks the validator, which must be there, about a type.
func (e *Engine) rules(t reflect.Type) (rules bool, problems []string) {
	if known, ok := e.ruled.Load(t); ok {
		r := known.(*ruled)
		return r.rules, r.problems
	}
	rules, problems = e.set.Validator.Check(t)
	e.ruled.Store(t, &ruled{rules, problems})
	return rules, problems
}
