package hub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHub_Rooms(t *testing.T) {
	h := New(Config{})
	crowd(t, h, "two", 2)
	crowd(t, h, "three", 3)
	crowd(t, h, "one", 1)
	publish(t, h, "long", "much text")
	pos := publish(t, h, "short", "a", "b")
	var got []string
	for _, r := range h.Rooms(9) {
		got = append(got, fmt.Sprint(r.Name, " ", r.Conns, " ", r.Kept, " ", r.KeptBytes))
		if r.Name == "short" && r.Head != pos {
			t.Errorf("Head = %v, want %v", r.Head, pos)
		}
	}
	want := []string{"three 3 0 0", "two 2 0 0", "one 1 0 0", "long 0 1 9", "short 0 2 2"}
	if !slices.Equal(got, want) {
		t.Errorf("Rooms(9) = %q, want %q", got, want)
	}
	for _, n := range []int{-1, 0, 1, 4} {
		if got := h.Rooms(n); len(got) != max(n, 0) {
			t.Errorf("Rooms(%d) has %d, want %d", n, len(got), max(n, 0))
		}
	}
}

// TestHub_Rooms_model compares a few of many with all, sorted.
func TestHub_Rooms_model(t *testing.T) {
	h := New(Config{})
	var all []RoomInfo
	for i := range 300 {
		name := fmt.Sprint("room", i)
		crowd(t, h, name, i%7+1)
		all = append(all, h.lookup(name).info())
	}
	slices.SortStableFunc(all, func(a, b RoomInfo) int {
		return cmp.Or(b.Conns-a.Conns, strings.Compare(a.Name, b.Name))
	})
	for _, n := range []int{1, 7, 100, 299, 300} {
		if got := h.Rooms(n); !slices.Equal(got, all[:n]) {
			t.Errorf("Rooms(%d) = %v, want %v", n, got, all[:n])
		}
	}
}

func TestStats_users(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, h *Hub) {
		phone, laptop := user(t, h, "ann", "room"), user(t, h, "ann", "room")
		user(t, h, "bob", "room")
		join(t, h, lines{}, "room") // nobody
		for _, step := range []struct {
			end  func()
			want int
		}{{func() {}, 2}, {phone.gone, 2}, {laptop.gone, 1}} {
			step.end()
			if got := h.Stats().Users; got != step.want {
				t.Errorf("%d users, want %d", got, step.want)
			}
		}
	})
}
