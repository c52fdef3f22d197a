package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gogeist/geist/store"
)

// Two requests of one session change it at once. The slower one hears of it, and tries again.
func ExampleStore_cAS() {
	ctx := context.Background()
	s := store.NewMemory(store.MemoryConfig{})
	defer s.Close()
	carts := s.Scoped("cart")

	add := func(id string, n int) error {
		for {
			item, err := carts.Get(ctx, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			have, _ := strconv.Atoi(string(item.Val))
			_, err = carts.CAS(ctx, id, item.Ver, []byte(strconv.Itoa(have+n)), time.Hour)
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
	}
	fmt.Println(add("ada", 2), add("ada", 3))
	item, err := carts.Get(ctx, "ada")
	fmt.Println(string(item.Val), err)
	// Output:
	// <nil> <nil>
	// 5 <nil>
}

// Three at once, then one every 10 seconds.
func ExampleAllow() {
	s := store.NewMemory(store.MemoryConfig{Evict: []string{"cache"}})
	defer s.Close()
	limits := s.Scoped("rl")
	limit := store.Limit{Rate: 6, Period: time.Minute, Burst: 3}
	for range 4 {
		d, err := store.Allow(context.Background(), limits, "192.0.2.7", limit, 1)
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter.Round(time.Second), err)
	}
	// Output:
	// true 2 0s <nil>
	// true 1 0s <nil>
	// true 0 0s <nil>
	// false 0 10s <nil>
}

// An idempotency key: one request does the work, others are told that it is on its way.
func ExampleStore_setNX() {
	ctx := context.Background()
	keys := store.NewMemory(store.MemoryConfig{}).Scoped("idem")
	for range 2 {
		mine, err := keys.SetNX(ctx, "payment-7", []byte("running"), time.Minute)
		fmt.Println(mine, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
