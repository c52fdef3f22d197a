package judge

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gogeist/geist/swagger"
)

func TestDump(t *testing.T) {
	app, cfg := torture(t)
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{swagger.OpenAPIJSON, swagger.OpenAPIYAML, swagger.OpenAPI32JSON, swagger.AsyncAPIJSON, swagger.AsyncAPIYAML} {
		text, err := swagger.Document(app, cfg, name)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join("../../.cache/judge", name), text, 0o644)
	}
}
