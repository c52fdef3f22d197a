// Package validate is the usual [geist.Validator]: it checks what requests are bound to
// by the rules in their validate tags, with github.com/go-playground/validator.
//
//	app := geist.New(geist.Config{Validator: validate.New()})
//
// The rules are that package's, with these differences. The engine goes over slices,
// maps and nested structs itself: it stops at 100 problems, and knows where each value
// stood in the request. Rules that compare with fields of other structs (eqcsfield and
// its like) see the struct that they stand in. A [geist.Opt] that was not sent, or sent
// as null, is checked for required alone; one that was sent satisfies it whatever its
// value. An element of a slice or map that is a struct has the rules required and
// omitempty, and its own fields' rules.
package validate

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/go-playground/locales"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"

	"github.com/gogeist/geist"
)

// Config says what a [Validator] knows beside the usual rules. The zero Config is ready
// to use.
type Config struct {
	// Rules are rules of one's own by their names in tags, in place of those that are
	// built in under these names.
	Rules map[string]Rule

	// Aliases are short names for lists of rules: "slug" for "min=1,max=50,lowercase".
	Aliases map[string]string

	// Languages are those that problems are described in, beside English, as the
	// Accept-Language field of a request asks.
	Languages []Language

	// Setup is called once, by New, with the validator of go-playground, for what has no
	// field here: rules of whole structs, say. Nil calls nothing.
	Setup func(v *validator.Validate) error
}

// Rule is a rule of one's own.
type Rule struct {
	// Valid reports whether a field satisfies the rule. It must be safe for many
	// goroutines, quick, and not keep its argument.
	Valid func(field validator.FieldLevel) bool
	// Detail says what is wanted, in English: "must be even". {param} stands for what
	// follows the = in the tag. Empty means "does not satisfy" and the rule's name.
	Detail string
}

// Language is a language that problems are described in.
type Language struct {
	// Locale is one of github.com/go-playground/locales: de.New().
	Locale locales.Translator
	// Register is RegisterDefaultTranslations of the package with the same name in
	// validator's translations, or a function that calls it and adds more.
	Register func(v *validator.Validate, trans ut.Translator) error
}

// Validator checks values by the rules in their validate tags. New makes it. It is safe
// for many goroutines.
type Validator struct {
	rules     *validator.Validate
	texts     map[string]string // of Config.Rules
	languages []ut.Translator   // one to one with the tags of matcher, but for English
	matcher   language.Matcher
	problems  []string        // of Config
	setUp     bool            // Config.Setup may have added rules for whole structs
	own       map[string]bool // names of Config.Rules and Config.Aliases

	mu    sync.Mutex
	plans sync.Map // of *plan by reflect.Type; written with mu held
}

var _ geist.Validator = (*Validator)(nil)

// New returns a Validator with a configuration; without one, with the built-in rules. Its
// mistakes are reported with those of the types, by Check, and so before the engine serves.
func New(config ...Config) *Validator {
	v := &Validator{rules: validator.New(validator.WithRequiredStructEnabled()), texts: map[string]string{}, own: map[string]bool{}}
	v.rules.RegisterTagNameFunc(wireName)
	if len(config) > 1 {
		v.problems = append(v.problems, "validate.New was given more than one Config: pass one")
	}
	for _, cfg := range config {
		v.configure(cfg)
	}
	return v
}

// configure takes over a Config and notes what is wrong with it.
func (v *Validator) configure(cfg Config) {
	for name, rule := range cfg.Rules {
		v.own[name] = true
		if err := registerRule(v.rules, name, rule); err != nil {
			v.problems = append(v.problems, fmt.Sprintf("the rule %q of validate.Config: %v", name, err))
		}
		if rule.Detail != "" {
			v.texts[name] = rule.Detail
		}
	}
	for name, rules := range cfg.Aliases {
		v.own[name] = true
		if err := guard(func() error { v.rules.RegisterAlias(name, rules); return nil }); err != nil {
			v.problems = append(v.problems, fmt.Sprintf("the alias %q of validate.Config: %v", name, err))
		}
	}
	v.speak(cfg.Languages)
	if cfg.Setup != nil {
		v.setUp = true
		if err := guard(func() error { return cfg.Setup(v.rules) }); err != nil {
			v.problems = append(v.problems, fmt.Sprintf("Setup of validate.Config: %v", err))
		}
	}
}

func registerRule(rules *validator.Validate, name string, rule Rule) error {
	if rule.Valid == nil {
		return fmt.Errorf("Valid is nil")
	}
	return guard(func() error { return rules.RegisterValidation(name, rule.Valid) })
}

// guard returns the error of f, or what it panics with: mistakes in rules are panics in
// validator.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return f()
}

// Check reports whether values of a struct type have rules, and what is wrong with them:
// rules that are not known or do not fit the type, and slices and maps of structs with
// rules that no dive leads to.
func (v *Validator) Check(t reflect.Type) (rules bool, problems []string) {
	p := v.plan(t)
	return p.deep, append(v.problems[:len(v.problems):len(v.problems)], p.problems...)
}

// Validate checks v, a pointer to a struct, and returns at most 100 violations. Outside of
// a request c is nil, and the texts are English. A value of a type that has problems is
// not checked.
func (v *Validator) Validate(c *geist.Ctx, value any) []geist.Violation {
	r := reflect.ValueOf(value)
	if r.Kind() != reflect.Pointer || r.IsNil() || r.Elem().Kind() != reflect.Struct {
		return nil
	}
	p := v.plan(r.Type().Elem())
	if !p.deep || len(p.problems) > 0 {
		return nil
	}
	w := walks.Get().(*walk)
	w.v, w.c = v, c
	w.structure(p, r.Elem())
	found := w.found
	clear(w.path[:cap(w.path)])
	*w = walk{path: w.path[:0]}
	walks.Put(w)
	return found
}

// plan returns what is known of a type, made on first use.
func (v *Validator) plan(t reflect.Type) *plan {
	if known, ok := v.plans.Load(t); ok {
		return known.(*plan)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.plans.Load(t); ok {
		return known.(*plan)
	}
	return v.compileLocked(t)
}
