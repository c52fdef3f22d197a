//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/realtime/control"
)

// The test program is also the servers.
func TestMain(m *testing.M) {
	if served, err := control.ServeArgs(os.Args[1:]); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestRun_quick(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	var sb strings.Builder
	err := run(&sb, []string{"-quick", "-scene", "ws/echo,ws/fanout/10x1", "-peer", "melody|gorilla", "-json", file})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Do not quote", "## ws/echo", "## ws/fanout/10x1", "| melody |", "| gorilla chat |", "melody v1."} {
		if !strings.Contains(sb.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, sb.String())
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var tables []struct {
		Scene string
		Rows  []struct{ Server string }
	}
	if err := json.Unmarshal(b, &tables); err != nil || len(tables) != 2 || len(tables[0].Rows) != 2 {
		t.Errorf("got %d tables, %v: %.200s", len(tables), err, b)
	}
}

func TestRun_list(t *testing.T) {
	var sb strings.Builder
	if err := run(&sb, []string{"-list"}); err != nil || !strings.Contains(sb.String(), "sse/hold") {
		t.Errorf("%v:\n%s", err, sb.String())
	}
}

func TestRun_refuses(t *testing.T) {
	for _, args := range [][]string{
		{"-scene", "nonsense"}, {"-peer", "("}, {"-held", "0"}, {"-held", "x"}, {"-held", "100000000"}, {"-nonsense"},
	} {
		if err := run(&strings.Builder{}, args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
