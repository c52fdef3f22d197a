package client

import (
	"bytes"
	"testing"
)

func TestJS_isWithoutWhatIsForPeople(t *testing.T) {
	got := bare("// why\n/**\n * what\n */\n\n  a(\"x//y\"); // that // is\n\tb / c;\n")
	if want := "a(\"x//y\");\nb / c;"; got != want {
		t.Errorf("bare: got %q, want %q", got, want)
	}
	js := JS()
	if !bytes.Contains(js, []byte("export function connect(url, {\n")) {
		t.Errorf("JS returned %d bytes without connect", len(js))
	}
	for i, line := range bytes.Split(js, []byte("\n")) {
		if !bytes.Contains([]byte(source), line) {
			t.Errorf("line %d is not in geist.js: %s", i+1, line)
		}
		if len(line) == 0 || bytes.HasPrefix(line, []byte(" ")) || bytes.HasPrefix(line, []byte("//")) {
			t.Errorf("line %d is for people: %s", i+1, line)
		}
	}
}

func TestJS_isTheCallersOwn(t *testing.T) {
	want := bytes.Clone(JS())
	clear(JS())
	if !bytes.Equal(JS(), want) {
		t.Error("a caller changed what the next one gets")
	}
}
