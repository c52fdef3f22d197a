package store_test

import (
	"testing"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/storetest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestMemory_store(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Store {
		return store.NewMemory(store.MemoryConfig{})
	}, storetest.Config{MaxValue: 1 << 20})
}
