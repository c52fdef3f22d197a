package view

import (
	"errors"
	"fmt"
	"html/template"
	"maps"
	"reflect"
	"slices"

	"github.com/gogeist/geist"
)

// errNoRequest is what functions of the request fail with in Execute.
var errNoRequest = errors.New("the function needs a request, and the page is not made for one")

// functions are those that templates may call.
type functions struct {
	plain    template.FuncMap
	requests map[string]reflect.Value // their first parameter is the request
}

// newFunctions checks the functions of a Config and adds urlfor. flush is added by bind.
func newFunctions(cfg *Config) (*functions, []error) {
	var problems []error
	f := &functions{maps.Clone(cfg.Funcs), map[string]reflect.Value{"urlfor": reflect.ValueOf((*geist.Ctx).URL)}}
	for _, name := range slices.Sorted(maps.Keys(cfg.Funcs)) {
		if err := checkFunction(name, cfg.Funcs[name]); err != nil {
			problems = append(problems, fmt.Errorf("view: Config.Funcs: %w", err))
		}
		delete(f.requests, name)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.RequestFuncs)) {
		fn := reflect.ValueOf(cfg.RequestFuncs[name])
		err := checkRequestFunction(name, fn)
		if _, both := cfg.Funcs[name]; both {
			err = fmt.Errorf("%q is in Config.Funcs, too: choose one", name)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("view: Config.RequestFuncs: %w", err))
			continue
		}
		f.requests[name] = fn
	}
	return f, problems
}

// checkFunction returns what html/template would panic with.
func checkFunction(name string, fn any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%q: %v", name, v)
		}
	}()
	template.New("").Funcs(template.FuncMap{name: fn})
	return nil
}

func checkRequestFunction(name string, fn reflect.Value) error {
	if !fn.IsValid() || fn.Kind() != reflect.Func || fn.IsNil() {
		return fmt.Errorf("%q is no function", name)
	}
	t := fn.Type()
	if t.NumIn() == 0 || t.In(0) != reflect.TypeFor[*geist.Ctx]() {
		return fmt.Errorf("%q is a %s: its first parameter must be a *geist.Ctx", name, t)
	}
	return checkFunction(name, fn.Interface())
}

// bind returns the functions for one copy of a page, which find the request in it.
func (f *functions) bind(in *instance) template.FuncMap {
	all := template.FuncMap{"flush": in.flush}
	maps.Copy(all, f.plain)
	for name, fn := range f.requests {
		all[name] = in.bind(fn)
	}
	return all
}

// bind returns fn without its first parameter, and with an error as its second result.
func (in *instance) bind(fn reflect.Value) any {
	switch fn := fn.Interface().(type) { // the usual ones, without reflection
	case func(*geist.Ctx) string:
		return func() (string, error) {
			if in.to.c == nil {
				return "", errNoRequest
			}
			return fn(in.to.c), nil
		}
	case func(*geist.Ctx, string, ...any) (string, error):
		return func(name string, args ...any) (string, error) {
			if in.to.c == nil {
				return "", errNoRequest
			}
			return fn(in.to.c, name, args...)
		}
	}
	return in.bindAny(fn)
}

func (in *instance) bindAny(fn reflect.Value) any {
	t, failure := fn.Type(), reflect.TypeFor[error]()
	var params []reflect.Type
	for i := 1; i < t.NumIn(); i++ {
		params = append(params, t.In(i))
	}
	call := fn.Call
	if t.IsVariadic() {
		call = fn.CallSlice
	}
	bound := reflect.FuncOf(params, []reflect.Type{t.Out(0), failure}, t.IsVariadic())
	return reflect.MakeFunc(bound, func(args []reflect.Value) []reflect.Value {
		if in.to.c == nil {
			return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(errNoRequest)}
		}
		results := call(slices.Insert(args, 0, reflect.ValueOf(in.to.c)))
		if len(results) == 1 {
			results = append(results, reflect.Zero(failure))
		}
		return results
	}).Interface()
}
