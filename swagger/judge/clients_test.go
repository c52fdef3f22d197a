package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"mime/multipart"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	_ "github.com/oapi-codegen/runtime" // which generated clients import

	"github.com/gogeist/geist/swagger"
)

// call is a call of an operation. Those of a service stand in testdata/clients; clients get
// them with what the document says of the operation.
type call struct {
	Op          string            `json:"op"`
	Status      any               `json:"status,omitempty"` // or several; none for any that is documented
	Method      string            `json:"method"`
	Template    string            `json:"template"`
	Order       []string          `json:"order"` // of the parameters in the path
	Path        map[string]any    `json:"path,omitempty"`
	Query       map[string]any    `json:"query,omitempty"`
	Header      map[string]any    `json:"header,omitempty"`
	Cookie      map[string]any    `json:"cookie,omitempty"`
	Body        any               `json:"body,omitempty"`
	ContentType string            `json:"contentType,omitempty"` // of a body that is no JSON
	Text        string            `json:"text,omitempty"`
	File        string            `json:"file,omitempty"` // the field of a form that is a file
	Fields      map[string]string `json:"fields,omitempty"`
}

// calls returns those of a service, which call every operation of its document at least once.
func calls(t *testing.T, service string, document []byte) []call {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	var all []call
	if err := json.Unmarshal(read(t, "testdata/clients/"+service+".json"), &all); err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Value(path).Operations() {
			if !slices.ContainsFunc(all, func(c call) bool { return c.Op == op.OperationID }) {
				all = append(all, call{Op: op.OperationID})
			}
			for i := range all {
				if all[i].Op == op.OperationID {
					all[i].Method, all[i].Template = method, path
					for _, m := range regexp.MustCompile(`\{([^}]+)\}`).FindAllStringSubmatch(path, -1) {
						all[i].Order = append(all[i].Order, m[1])
					}
				}
			}
		}
	}
	for _, c := range all {
		if c.Method == "" {
			t.Fatalf("%s has no operation %s", service, c.Op)
		}
	}
	return all
}

// written writes calls for a client and returns the file. In Go a form is text, too.
func written(t *testing.T, all []call, asText bool) string {
	t.Helper()
	all = slices.Clone(all)
	for i := range all {
		if c := &all[i]; asText && c.File != "" {
			var b bytes.Buffer
			form := multipart.NewWriter(&b)
			for name, value := range c.Fields {
				_ = form.WriteField(name, value) // a buffer takes everything
			}
			part, _ := form.CreateFormFile(c.File, "note.txt")
			_, _ = part.Write([]byte("hello"))
			_ = form.Close()
			c.ContentType, c.Text = form.FormDataContentType(), b.String()
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "calls.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// judgeClient serves a service, has a client call it, and compares what came over the wire.
func judgeClient(t *testing.T, service string, asText bool, run func(base, calls string)) {
	t.Helper()
	app, cfg := services[service](t)
	document, err := swagger.Document(app, cfg, swagger.OpenAPIJSON)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, app, document)
	all := calls(t, service, document)
	run(w.base, written(t, all, asText))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.problems {
		t.Error(p)
	}
	if len(w.seen) != len(all) {
		t.Errorf("%d exchanges, want %d: %v", len(w.seen), len(all), w.seen)
	}
	for i, got := range w.seen[:min(len(w.seen), len(all))] {
		if want := all[i]; got.op != want.Op || !want.allows(got.status) {
			t.Errorf("exchange %d: got %s with status %d, want %s with %v", i, got.op, got.status, want.Op, want.Status)
		}
	}
}

// allows reports whether an answer is one that the call asks for.
func (c *call) allows(status int) bool {
	switch want := c.Status.(type) {
	case float64:
		return status == int(want)
	case []any:
		return slices.Contains(want, any(float64(status)))
	}
	return true
}

// openapi writes a service's document into dir and returns the file.
func openapi(t *testing.T, service, dir string) string {
	t.Helper()
	app, cfg := services[service](t)
	document, err := swagger.Document(app, cfg, swagger.OpenAPIJSON)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(file, document, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// must runs a program that has to succeed, and returns what it said.
func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.WaitDelay = 5 * time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// copyTo copies files of testdata/clients.
func copyTo(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), read(t, "testdata/clients/"+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClients_oapiCodegen(t *testing.T) {
	for service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "sdk"), 0o755); err != nil {
				t.Fatal(err)
			}
			copyTo(t, dir, "go/main.go")
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			mod := strings.Replace(string(read(t, "go.mod")), "module github.com/gogeist/geist/swagger/judge", "module clients", 1)
			mod = strings.ReplaceAll(mod, "=> ../..", "=> "+filepath.Dir(filepath.Dir(here)))
			for name, text := range map[string][]byte{"go.mod": []byte(mod), "go.sum": read(t, "go.sum")} {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			must(t, ".", "go", "tool", "oapi-codegen", "-generate", "types,client", "-package", "sdk", "-o", filepath.Join(dir, "sdk", "sdk.go"), openapi(t, service, dir))
			must(t, dir, "go", "vet", "./...")
			program := filepath.Join(dir, "client")
			must(t, dir, "go", "build", "-o", program, ".")
			judgeClient(t, service, true, func(base, calls string) { must(t, dir, program, base, calls) })
		})
	}
}

func TestClients_typescript(t *testing.T) {
	at := tools(t)
	for service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Symlink(filepath.Join(at, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			copyTo(t, dir, "calls.ts", "fetch.ts", "heyapi.ts", "tsconfig.json")
			if service == "taskboard" {
				copyTo(t, dir, "typed.ts")
			}
			document := openapi(t, service, dir)
			must(t, dir, "node", "node_modules/openapi-typescript/bin/cli.js", document, "-o", "schema.ts")
			must(t, dir, "node", "node_modules/@hey-api/openapi-ts/bin/run.js", "-i", document, "-o", "sdk")
			must(t, dir, "node", "node_modules/typescript/bin/tsc", "-p", ".")
			for _, program := range []string{"fetch.js", "heyapi.js"} {
				judgeClient(t, service, false, func(base, calls string) {
					if said := must(t, dir, "node", "out/"+program, base, calls); said != "" {
						t.Errorf("%s: %s", program, said)
					}
				})
			}
		})
	}
}
