package ready

import (
	"testing"

	"github.com/gogeist/geist/internal/leakcheck"
)

// TestMain fails the run when a goroutine outlives the tests.
func TestMain(m *testing.M) { leakcheck.Main(m) }
