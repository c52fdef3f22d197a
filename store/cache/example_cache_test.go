package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/cache"
)

func ExampleGetOrLoad() {
	s := store.NewMemory(store.MemoryConfig{Evict: []string{"users"}})
	defer s.Close()
	users := cache.New(s.Scoped("users"), cache.Config{TTL: time.Minute, Negative: time.Second})

	type User struct{ Name string }
	load := func(context.Context) (User, error) {
		fmt.Println("loading")
		return User{Name: "Ada"}, nil
	}
	for range 2 {
		user, err := cache.GetOrLoad(context.Background(), users, "7", load)
		fmt.Println(user.Name, err)
	}
	// Output:
	// loading
	// Ada <nil>
	// Ada <nil>
}
