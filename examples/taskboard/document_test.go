package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/gogeist/geist/swagger"
)

// What the program writes is what it serves, and it leaves nothing behind.
func TestRun_document(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := startProgram(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, name := range []string{swagger.OpenAPIJSON, swagger.OpenAPIYAML, swagger.OpenAPI32JSON, swagger.AsyncAPIJSON, swagger.AsyncAPIYAML} {
		var written bytes.Buffer
		if err := run([]string{"-document", name}, &written); err != nil {
			t.Fatal(err)
		}
		res, err := http.Get(p.base + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		served, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if !bytes.Equal(written.Bytes(), served) || len(served) == 0 {
			t.Errorf("%s: %d bytes written, %d served, which differ", name, written.Len(), len(served))
		}
	}
	if err := run([]string{"-document", "swagger.json"}, io.Discard); err == nil {
		t.Error("a document that there is not is written without an error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d things are left in the temporary directory, error %v", len(left), err)
	}
}
