package client

import (
	"bytes"
	"os"
	"testing"
)

func TestJS_isTheFile(t *testing.T) {
	want, err := os.ReadFile("geist.js")
	if err != nil {
		t.Fatal(err)
	}
	got := JS()
	if !bytes.Equal(got, want) || len(got) == 0 {
		t.Errorf("JS returned %d bytes, want the %d of geist.js", len(got), len(want))
	}
	clear(got)
	if !bytes.Equal(JS(), want) {
		t.Error("a caller changed what the next one gets")
	}
}
