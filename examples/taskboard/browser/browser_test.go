package browser

import (
	"testing"

	"github.com/gogeist/geist/examples/internal/browsertest"
)

// TestBoard runs the scenarios of board.mjs: all, or those whose name has what is in
// SCENARIO. SHOTS names a directory for screenshots.
func TestBoard(t *testing.T) {
	browsertest.Run(t, "board.mjs", "TASKBOARD", "..",
		"*.mjs", "../../roomserver/browser/proxy.mjs", "../*.go", "../../../middleware/*/*.go", "../board/*.go", "../page/*", "../../../*.go", "../../../hub/*.go", "../../../client/*.js")
}
