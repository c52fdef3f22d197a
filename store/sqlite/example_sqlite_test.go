package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gogeist/geist/store/sqlite"
)

func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := sqlite.Open(ctx, filepath.Join(dir, "store.db"), sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	sessions := s.Scoped("sess")
	first, err := sessions.CAS(ctx, "id", 0, []byte("ada"), time.Hour)
	fmt.Println(err)
	_, err = sessions.CAS(ctx, "id", first.Ver, []byte("bob"), time.Hour)
	fmt.Println(err)
	_, err = sessions.CAS(ctx, "id", first.Ver, []byte("eve"), time.Hour)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// store: the entry has changed
}
