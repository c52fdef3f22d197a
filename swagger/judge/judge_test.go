package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// judgeTime bounds one judge, also on a busy machine.
const judgeTime = 3 * time.Minute

// services are those whose documents are judged: one with everything that is hard, and one as
// people write them.
var services = map[string]func(testing.TB) (*geist.Engine, swagger.Config){"torture": torture, "taskboard": taskboard}

// documents writes the documents of the services into a directory and returns where those of
// the given names are.
func documents(t *testing.T, names ...string) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, service := range slices.Sorted(maps.Keys(services)) {
		app, cfg := services[service](t)
		if err := app.Check(); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := swagger.Document(app, cfg, name)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, service+"-"+name)
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	return files
}

func TestDocuments_kin(t *testing.T) {
	for _, file := range documents(t, swagger.OpenAPIJSON, swagger.OpenAPIYAML, swagger.OpenAPI32JSON) {
		doc, err := openapi3.NewLoader().LoadFromFile(file)
		if err == nil {
			err = doc.Validate(t.Context())
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

func TestDocuments_redocly(t *testing.T) {
	files, at := documents(t, swagger.OpenAPIJSON, swagger.OpenAPI32JSON, swagger.AsyncAPIJSON), tools(t)
	out, err := command(t, at, judgeTime, "node", append([]string{"node_modules/@redocly/cli/bin/cli.js", "lint", "--extends=recommended-strict", "--format=json"}, files...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	judged := 0
	for d := json.NewDecoder(bytes.NewReader(out)); ; judged++ {
		var result struct {
			Problems []struct {
				RuleID, Message string
				Location        []struct {
					Source  struct{ Ref string }
					Pointer string
				}
			}
		}
		err := d.Decode(&result)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, p := range result.Problems {
			if p.RuleID == "security-defined" && strings.HasSuffix(p.Location[0].Source.Ref, swagger.AsyncAPIJSON) {
				continue // AsyncAPI cannot say that an operation is open to everybody
			}
			t.Errorf("%s: %s at %+v", p.RuleID, p.Message, p.Location)
		}
	}
	if judged != len(files) {
		t.Errorf("judged %d documents, want %d:\n%s", judged, len(files), out)
	}
}

func TestDocuments_spectral(t *testing.T) {
	files, at := documents(t, swagger.OpenAPIJSON, swagger.OpenAPI32JSON, swagger.AsyncAPIJSON), tools(t)
	out, err := command(t, at, judgeTime, "node", append([]string{"node_modules/@stoplight/spectral-cli/dist/index.js", "lint", "-r", "spectral.yaml", "-f", "json", "--quiet"}, files...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var findings []struct {
		Code, Message, Source string
		Path                  []string
		Severity              int
	}
	if err := json.Unmarshal(out, &findings); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range findings {
		path := strings.Join(f.Path, ".")
		switch {
		case f.Severity > 1: // no error and no warning: that there is AsyncAPI 3.1
		case f.Code == "operation-success-response" && (path == "paths./ws/{room}.get.responses" || path == "paths./sock.get.responses" || path == "paths./talk.get.responses"):
			// A WebSocket succeeds by 101, which the rule does not count.
		default:
			t.Errorf("%s: %s at %s: %s", filepath.Base(f.Source), f.Code, path, f.Message)
		}
	}
}

func TestDocuments_asyncapiParser(t *testing.T) {
	files, at := documents(t, swagger.AsyncAPIJSON, swagger.AsyncAPIYAML), tools(t)
	out, err := command(t, at, judgeTime, "node", append([]string{"parse.mjs"}, files...)...)
	if want := fmt.Sprintf("%d documents\n", len(files)); err != nil || string(out) != want {
		t.Errorf("got %v\n%s\nwant only: %s", err, out, want)
	}
}

// YAML says what JSON says, to a library of YAML 1.1 words and 1.2 numbers.
func TestDocuments_yamlIsTheJSON(t *testing.T) {
	asJSON := documents(t, swagger.OpenAPIJSON, swagger.AsyncAPIJSON)
	for i, name := range documents(t, swagger.OpenAPIYAML, swagger.AsyncAPIYAML) {
		var fromYAML, fromJSON any
		if err := yaml.Unmarshal(read(t, name), &fromYAML); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &fromYAML); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(read(t, asJSON[i]), &fromJSON); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fromYAML, fromJSON) {
			t.Errorf("%s and %s differ", asJSON[i], name)
		}
	}
}

// Strings that YAML might read as something else come back as they were.
func TestDocuments_yamlStrings(t *testing.T) {
	texts := []string{
		"plain", "a: b", "a #b", "#a", "- a", "a\nb", "\ttab", " lead", "trail ", "yes", "No", "on", "null", "~", "true", "y", "1", "1.5", "0x1F", "1e3", ".5", "1_000", "12:30:45", "2024-02-29",
		"inf", ".inf", "NaN", "'a'", `"a"`, `a\b`, "{a}", "[a]", "a, b", "*a", "&a", "!a", "%a", "@a", "`a`", "|", ">", "?", "? a", ":", "a:", "=", "<<", "---", "...", "\u2028", "\u0085", "\x00", "\x7f", "Zoë", "日本", "😀", "\ufeff", "\r\n",
	}
	cfg := swagger.Config{Title: "T", Version: "1"}
	for _, text := range texts {
		cfg.Tags = append(cfg.Tags, swagger.Tag{Name: text, Description: text})
	}
	written, err := swagger.Document(geist.New(), cfg, swagger.OpenAPIYAML)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tags []struct{ Name, Description any }
	}
	if err := yaml.Unmarshal(written, &doc); err != nil {
		t.Fatalf("%v\n%s", err, written)
	}
	if len(doc.Tags) != len(texts) {
		t.Fatalf("got %d tags, want %d", len(doc.Tags), len(texts))
	}
	for i, text := range texts {
		if doc.Tags[i].Name != text || doc.Tags[i].Description != text {
			t.Errorf("%q came back as %#v", text, doc.Tags[i])
		}
	}
}
