package main

import (
	"strings"
	"testing"
)

func TestRun_quick(t *testing.T) {
	var sb strings.Builder
	if err := run(&sb, []string{"-quick", "-scene", "router/one-param,chain"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Do not quote", "## router/one-param", "| gin |", "## chain", "difference"} {
		if !strings.Contains(sb.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, sb.String())
		}
	}
}

func TestRun_unknownScene(t *testing.T) {
	if err := run(&strings.Builder{}, []string{"-scene", "nonsense"}); err == nil {
		t.Error("no error")
	}
}
