package browser

import (
	"testing"

	_ "github.com/gogeist/geist" // a change of either is a reason to run again
	_ "github.com/gogeist/geist/client"
	"github.com/gogeist/geist/examples/internal/browsertest"
)

// TestClient runs the scenarios of client.mjs: all, or those whose name has what is in
// SCENARIO.
func TestClient(t *testing.T) {
	browsertest.Run(t, "client.mjs", "ROOMSERVER", "..", "*.mjs", "../*.go")
}
