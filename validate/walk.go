package validate

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"

	"github.com/gogeist/geist"
)

// maxViolations is how many a request is told: more are not looked for.
const maxViolations = 100

// walk goes over one value.
type walk struct {
	v     *Validator
	c     *geist.Ctx
	path  []string
	found []geist.Violation
	trans ut.Translator // once it is known
	known bool
}

// walks are those that nobody is on.
var walks = sync.Pool{New: func() any { return new(walk) }}

func (w *walk) full() bool { return len(w.found) >= maxViolations }

// structure checks a struct, which can be addressed.
func (w *walk) structure(p *plan, s reflect.Value) {
	if p.variants != nil {
		w.variant(p, s.Field(0))
		return
	}
	var failed map[string]bool // fields whose own rules are violated: what they hold does not count
	if p.own {
		failed = w.own(p, s)
	}
	for i := range p.steps {
		st := &p.steps[i]
		if w.full() {
			return
		}
		at := s.Field(st.index)
		if failed[st.name] || st.omit && !st.whole && at.IsZero() {
			continue
		}
		w.path = append(w.path, st.name)
		w.value(p, &st.value, at)
		w.path = w.path[:len(w.path)-1]
	}
}

// own lets validator check the struct itself, and returns the fields that it refuses.
func (w *walk) own(p *plan, s reflect.Value) (failed map[string]bool) {
	if p.right(w.v, s) {
		return nil
	}
	err := w.v.rules.Struct(s.Addr().Interface())
	var list validator.ValidationErrors
	if err == nil || !errors.As(err, &list) {
		return nil
	}
	failed = map[string]bool{}
	prefix := len(p.typ.Name())
	if prefix > 0 {
		prefix++ // the dot
	}
	for _, e := range list {
		if w.full() {
			break
		}
		names := strings.Split(e.StructNamespace()[prefix:], ".")
		if len(names) == 1 {
			failed[names[0]] = true
		}
		w.note(p.typ, e, names...)
	}
	return failed
}

// value checks a value that validator has not seen.
func (w *walk) value(p *plan, x *value, at reflect.Value) {
	if isOpt(at.Type()) {
		if !at.FieldByName("Set").Bool() || at.FieldByName("Null").Bool() {
			if x.required {
				w.add(w.text("required", "", reflect.Invalid))
			}
			return
		}
		at = at.Field(0)
	}
	if x.omit && at.IsZero() {
		return
	}
	if x.rules != "" && (x.quick == nil || !x.quick.right(w.v, at)) && !w.rules(p, x.rules, at) {
		return
	}
	for at.Kind() == reflect.Pointer {
		if at.IsNil() {
			if x.required {
				w.add(w.text("required", "", reflect.Invalid))
			}
			return
		}
		at = at.Elem()
	}
	switch {
	case x.embedded:
		w.embedded(x.plan, at)
	case x.plan != nil && x.plan.deep:
		w.structure(x.plan, addressable(at))
	case x.elem == nil:
	case at.Kind() == reflect.Map:
		w.entries(p, x, at)
	default:
		for i := range at.Len() {
			if w.full() {
				return
			}
			if e := at.Index(i); !x.elem.flat() || !x.elem.quick.right(w.v, e) {
				w.into(p, x.elem, strconv.Itoa(i), e)
			}
		}
	}
}

// embedded checks what the fields of an embedded struct lead to.
func (w *walk) embedded(p *plan, s reflect.Value) {
	without := *p
	without.own = false // checked with the struct around it
	w.structure(&without, s)
}

// into checks an element.
func (w *walk) into(p *plan, x *value, step string, at reflect.Value) {
	w.path = append(w.path, step)
	w.value(p, x, at)
	w.path = w.path[:len(w.path)-1]
}

// flat reports whether a value has nothing but rules that are quickly seen to be satisfied.
func (x *value) flat() bool {
	return x.quick != nil && x.rules != "" && !x.opt && !x.required && x.plan == nil && x.elem == nil
}

// entries checks a map, in the order of its keys.
func (w *walk) entries(p *plan, x *value, m reflect.Value) {
	type entry struct {
		name string
		key  reflect.Value
	}
	entries := make([]entry, 0, m.Len())
	for _, key := range m.MapKeys() {
		entries = append(entries, entry{keyText(key), key})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for _, e := range entries {
		if w.full() {
			return
		}
		w.path = append(w.path, e.name)
		if x.keys != "" {
			w.rules(p, x.keys, e.key)
		}
		w.value(p, x.elem, m.MapIndex(e.key))
		w.path = w.path[:len(w.path)-1]
	}
}

// keyText returns a key as JSON writes it.
func keyText(key reflect.Value) string {
	if t, ok := key.Interface().(interface{ MarshalText() ([]byte, error) }); ok && key.Kind() != reflect.String {
		if text, err := t.MarshalText(); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(key.Interface())
}

// rules lets validator check one value, and reports whether it is right.
func (w *walk) rules(p *plan, rules string, at reflect.Value) (right bool) {
	err := w.v.rules.Var(at.Interface(), rules)
	if err == nil {
		return true
	}
	var list validator.ValidationErrors
	if !errors.As(err, &list) {
		return true
	}
	w.note(p.typ, list[0])
	return false
}

// add notes a violation of the value at hand.
func (w *walk) add(detail string, further ...string) {
	if !w.full() {
		w.found = append(w.found, geist.Violation{Path: slices.Concat(w.path, further), Detail: detail})
	}
}

// addressable returns v, or a copy of it that has an address, as what is in maps has none.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	p := reflect.New(v.Type()).Elem()
	p.Set(v)
	return p
}
