package browser

import (
	"testing"

	"github.com/gogeist/geist/examples/internal/browsertest"
)

// TestPages runs the scenarios of pages.mjs: all, or those whose name has what is in
// SCENARIO. SHOTS names a directory for screenshots.
func TestPages(t *testing.T) {
	browsertest.Run(t, "pages.mjs", "SERVICE", "..",
		"*.mjs", "../main.go", "../../../swagger/*.go", "../../../swagger/ui/*.go", "../../../swagger/ui/page/*", "../../../client/*.js")
}
