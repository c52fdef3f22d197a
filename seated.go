package geist

import "slices"

// seat is where something sits in a [seated], which guards it: its index plus one, or 0.
type seat int32

// seater is what can sit in one.
type seater interface{ place() *seat }

// seated is a set whose members know where they sit. A connection takes 20 bytes of it, and
// some 50 of a map. The zero value is empty.
type seated[T seater] struct{ list []T }

func (x *seated[T]) len() int { return len(x.list) }

// all returns the members.
func (x *seated[T]) all() []T { return slices.Clone(x.list) }

// add adds m, which is not there yet.
func (x *seated[T]) add(m T) {
	x.list = append(x.list, m)
	*m.place() = seat(len(x.list))
}

// remove takes m out, and reports whether it was there. The last one gets its seat.
func (x *seated[T]) remove(m T) bool {
	at := m.place()
	if *at == 0 {
		return false
	}
	end := len(x.list) - 1
	last := x.list[end]
	x.list[*at-1], *last.place() = last, *at
	var none T
	x.list[end] = none
	x.list = x.list[:end]
	*at = 0
	return true
}
