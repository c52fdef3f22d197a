package geist

import "fmt"

// Key is a typed local: a value that one handler of a chain leaves in the Ctx for
// the next. Make keys once, as package variables:
//
//	var userKey = geist.NewKey[*User]("user")
//
// Setting and getting allocates nothing. A Key is safe for many goroutines, the
// values as safe as their type. Handlers that run apart ([Ctx.NextDetached]) get copies of the
// values, by the method Apart(c *Ctx) T of those that have it: what a pointer leads to is shared
// with them otherwise, and they may go on beside the request.
type Key[T any] struct{ id *keyID }

// keyID is a key's identity: its address. The name is for messages only.
type keyID struct{ name string }

// local is one typed local of a Ctx. Its box stays with the Ctx from request to
// request, so that setting it again allocates nothing.
type local struct {
	id  *keyID
	box resetter
}

type resetter interface {
	reset()
	clone() resetter
	apart(c *Ctx) resetter
}

// box holds one value of a Key[T].
type box[T any] struct {
	value T
	set   bool
}

func (b *box[T]) reset() { *b = box[T]{} }

func (b *box[T]) clone() resetter {
	c := *b
	return &c
}

// apart returns the box for handlers that run apart with c.
func (b *box[T]) apart(c *Ctx) resetter {
	d := *b
	if v, ok := any(b.value).(interface{ Apart(c *Ctx) T }); ok && b.set {
		d.value = v.Apart(c)
	}
	return &d
}

// maxLocals bounds the boxes that a Ctx keeps, should a program make keys without end.
const maxLocals = 64

// NewKey returns a new key, different from every other one even of the same name.
// The name stands in messages.
func NewKey[T any](name string) Key[T] { return Key[T]{&keyID{name}} }

// Set stores v in c until the request ends.
func (k Key[T]) Set(c *Ctx, v T) {
	c.alive()
	c.cold.used = true
	b := k.find(c)
	if b == nil {
		b = new(box[T])
		c.locals = append(c.locals, local{k.id, b})
	}
	b.value, b.set = v, true
}

// Get returns the value that was set in this request, and whether one was.
func (k Key[T]) Get(c *Ctx) (T, bool) {
	c.alive()
	if b := k.find(c); b != nil && b.set {
		return b.value, true
	}
	var zero T
	return zero, false
}

// Must returns the value that was set in this request and panics if none was: the
// middleware that sets it is then missing from the route.
func (k Key[T]) Must(c *Ctx) T {
	v, ok := k.Get(c)
	if !ok {
		panic(fmt.Sprintf("geist: key %q is not set on route %s: is its middleware missing?", k.id.name, c.Pattern()))
	}
	return v
}

// find returns the key's box in c, or nil. A scan: requests have few locals.
func (k Key[T]) find(c *Ctx) *box[T] {
	for i := range c.locals {
		if c.locals[i].id == k.id {
			return c.locals[i].box.(*box[T])
		}
	}
	return nil
}

// SetLocal stores an untyped local under a name until the request ends. [Key] is
// the typed and faster way.
func (c *Ctx) SetLocal(name string, value any) {
	c.alive()
	c.cold.used = true
	if c.cold.kv == nil {
		c.cold.kv = map[string]any{}
	}
	c.cold.kv[name] = value
}

// Local returns the untyped local of that name, or nil.
func (c *Ctx) Local(name string) any {
	c.alive()
	return c.cold.kv[name]
}
