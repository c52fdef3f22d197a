package browser

import (
	"testing"

	"github.com/gogeist/geist/examples/internal/browsertest"
)

// TestMonitor runs the scenarios of monitor.mjs: all, or those whose name has what is in
// SCENARIO. SHOTS names a directory for screenshots.
func TestMonitor(t *testing.T) {
	browsertest.Run(t, "monitor.mjs", "SERVICE", "..",
		"*.mjs", "../*.go", "../../../middleware/monitor/*.go", "../../../middleware/monitor/page/*")
}
