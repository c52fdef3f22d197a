package geist

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// HeaderField is a header field that answers of a route carry: a T as text. As a
// [RouteOption] it describes the field, and Set sends it, so that the two cannot differ.
// [Sets] makes it. It is a value and safe for many goroutines.
type HeaderField[T any] struct{ info HeaderInfo }

// Sets describes a header field of a route's answers, and a sentence that says what it
// tells. T is text, a number, a truth value, a time (sent as dates of HTTP), a type with a
// MarshalText method, or a slice of these (separated by commas). The answers are those
// below 400, each of which may lack the field; On and Always say otherwise.
//
//	var total = geist.Sets[int]("X-Total-Count", "How many there are on all pages.")
//
//	geist.Get(app, "/users", func(c *geist.Ctx, in *ListUsers) ([]User, error) {
//		users, n := store.List(c.Context(), in.Limit)
//		total.Set(c, n)
//		return users, nil
//	}, total.Always())
func Sets[T any](name string, description ...string) HeaderField[T] {
	return HeaderField[T]{HeaderInfo{Name: name, Type: reflect.TypeFor[T](), Description: strings.Join(description, " ")}}
}

// On returns the field as one of the answers with these statuses alone.
func (h HeaderField[T]) On(statuses ...int) HeaderField[T] {
	h.info.Statuses = slices.Clone(statuses)
	return h
}

// Always returns the field as one that none of its answers lacks. It describes: what sets
// the field is still Set.
func (h HeaderField[T]) Always() HeaderField[T] {
	h.info.Always = true
	return h
}

// Set sets the field of the answer, in place of what is set. A value whose MarshalText fails
// is not sent and logged.
func (h HeaderField[T]) Set(c *Ctx, v T) {
	c.check()
	text, err := headerText(reflect.ValueOf(&v).Elem())
	if err != nil {
		c.Logger().Error("header field not sent", slog.String("name", h.info.Name), slog.Any("error", err))
		return
	}
	c.SetHeader(h.info.Name, text)
}

func (h HeaderField[T]) apply(o *routeOptions) {
	switch name := h.info.Name; {
	case !validToken(name):
		o.problem("Sets(%q): the name is no token", name)
	case strings.EqualFold(name, fasthttp.HeaderContentType):
		o.problem("Sets(%q): content types are described by Returns and the output", name)
	case !headerType(h.info.Type):
		o.problem("Sets(%q): no header field is made of %s: use text, a number, a truth value, a time, a type with a MarshalText method, or a slice of these", name, h.info.Type)
	case slices.ContainsFunc(h.info.Statuses, func(s int) bool { return s < 200 || s > 599 }):
		o.problem("Sets(%q): use statuses from 200 to 599", name)
	default:
		o.headers = slices.DeleteFunc(slices.Clone(o.headers), func(f HeaderInfo) bool {
			return strings.EqualFold(f.Name, name) && slices.Equal(f.Statuses, h.info.Statuses)
		})
		o.headers = append(o.headers, h.info)
	}
}

// headerType reports whether a type has a form in a header.
func headerType(t reflect.Type) bool {
	if t == typeTime || t.Implements(typeTextMarshaler) || reflect.PointerTo(t).Implements(typeTextMarshaler) {
		return true
	}
	switch k := t.Kind(); {
	case k == reflect.Slice:
		return t.Elem().Kind() != reflect.Slice && headerType(t.Elem())
	case k == reflect.String, reflect.Bool <= k && k <= reflect.Float64:
		return true
	}
	return false
}

// headerText returns a value, which has an address or is an element, as a field has it.
func headerText(v reflect.Value) (string, error) {
	if t, ok := v.Interface().(time.Time); ok {
		return string(fasthttp.AppendHTTPDate(nil, t)), nil
	}
	for _, at := range [...]reflect.Value{v, v.Addr()} {
		if m, ok := at.Interface().(encoding.TextMarshaler); ok {
			b, err := m.MarshalText()
			return string(b), err
		}
	}
	switch k := v.Kind(); {
	case k == reflect.String:
		return v.String(), nil
	case k == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits()), nil
	case k == reflect.Slice:
		var all []string
		for i := range v.Len() {
			one, err := headerText(v.Index(i))
			if err != nil {
				return "", err
			}
			all = append(all, one)
		}
		return strings.Join(all, ", "), nil
	}
	return "", fmt.Errorf("no header field is made of %s", v.Type())
}
