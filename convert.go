package geist

import (
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Param returns a path parameter as a T: a string, a boolean, any integer or
// floating-point type, time.Duration ("1h30m"), or a type whose pointer has an
// UnmarshalText method, such as time.Time (RFC 3339) and uuid types. A value that
// is no T gives an [Error] of status 400 that names the parameter, never the
// value; a name that the route does not have gives one of status 500.
func Param[T any](c *Ctx, name string) (T, error) {
	s := c.Param(name)
	if s == "" {
		var zero T
		if c.hasParam(name) { // an optional parameter that was not sent
			return zero, missing("parameter", name)
		}
		return zero, fmt.Errorf("geist: route %s has no parameter %q", c.Pattern(), name)
	}
	return convert[T](s, "parameter", name)
}

// hasParam reports whether the route, in one of its forms, has a parameter.
func (c *Ctx) hasParam(name string) bool {
	return name == c.hostParam || c.ep != nil && c.ep.absent == name
}

// Query returns a query field as a T; see [Param] for the types. A field that was
// not sent gives fallback, or without one an [Error] of status 400. So does a
// value that is no T, an empty one included.
func Query[T any](c *Ctx, name string, fallback ...T) (T, error) {
	s, ok := c.query(name)
	if ok {
		return convert[T](s, "query", name)
	}
	if len(fallback) > 0 {
		return fallback[0], nil
	}
	var zero T
	return zero, missing("query", name)
}

func missing(source, name string) *Error {
	return NewError(fasthttp.StatusBadRequest, "a required value is missing").With(source, name)
}

// convert parses s as a T.
func convert[T any](s, source, name string) (T, error) {
	var v T
	if err := parseInto(&v, s); err != nil {
		var zero T
		if errors.Is(err, errUnsupported) {
			return zero, fmt.Errorf("geist: %s %q: %w %T", source, name, err, v)
		}
		detail := "a value is not " + wanted(&v)
		return zero, NewError(fasthttp.StatusBadRequest, detail).With(source, name).Wrap(withoutValue(err))
	}
	return v, nil
}

var errUnsupported = errors.New("cannot convert text to")

// withoutValue drops the input from strconv's errors: causes are logged.
func withoutValue(err error) error {
	if n, ok := errors.AsType[*strconv.NumError](err); ok {
		return n.Err
	}
	return errors.New("malformed")
}

// parseInto parses s into what p points to. Long on purpose: a case a type.
func parseInto(p any, s string) (err error) {
	switch p := p.(type) {
	case *string:
		*p = s
	case *bool:
		*p, err = strconv.ParseBool(s)
	case *int:
		err = parseInt(p, s, strconv.IntSize)
	case *int8:
		err = parseInt(p, s, 8)
	case *int16:
		err = parseInt(p, s, 16)
	case *int32:
		err = parseInt(p, s, 32)
	case *int64:
		err = parseInt(p, s, 64)
	case *uint:
		err = parseUint(p, s, strconv.IntSize)
	case *uint8:
		err = parseUint(p, s, 8)
	case *uint16:
		err = parseUint(p, s, 16)
	case *uint32:
		err = parseUint(p, s, 32)
	case *uint64:
		err = parseUint(p, s, 64)
	case *float32:
		var f float64
		f, err = strconv.ParseFloat(s, 32)
		*p = float32(f)
	case *float64:
		*p, err = strconv.ParseFloat(s, 64)
	case *time.Duration:
		*p, err = time.ParseDuration(s)
	case encoding.TextUnmarshaler:
		err = p.UnmarshalText([]byte(s))
	default:
		err = errUnsupported
	}
	return err
}

func parseInt[T ~int | ~int8 | ~int16 | ~int32 | ~int64](p *T, s string, bits int) error {
	n, err := strconv.ParseInt(s, 10, bits)
	*p = T(n)
	return err
}

func parseUint[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](p *T, s string, bits int) error {
	n, err := strconv.ParseUint(s, 10, bits)
	*p = T(n)
	return err
}

// wanted says in words what p points to.
func wanted(p any) string {
	switch p.(type) {
	case *bool:
		return "true or false"
	case *int, *int8, *int16, *int32, *int64:
		return "a whole number in range"
	case *uint, *uint8, *uint16, *uint32, *uint64:
		return "a whole number, zero or more, in range"
	case *float32, *float64:
		return "a number"
	case *time.Duration:
		return "a duration such as 1h30m"
	case *time.Time:
		return "a time such as 2006-01-02T15:04:05Z"
	}
	return "of the expected form"
}
