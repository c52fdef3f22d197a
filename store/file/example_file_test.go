package file_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gogeist/geist/store/file"
)

// What was written is there after a restart.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 {
		s, err := file.Open(dir)
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := s.Scoped("visits").Incr(ctx, "ada", 1, time.Hour)
		fmt.Println(n, err)
		_ = s.Close()
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
