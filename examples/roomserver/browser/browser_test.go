package browser

import (
	"testing"

	"github.com/gogeist/geist/examples/internal/browsertest"
)

// TestClient runs the scenarios of client.mjs: all, or those whose name has what is in
// SCENARIO.
func TestClient(t *testing.T) { browsertest.Run(t, "client.mjs", "ROOMSERVER", "..") }
