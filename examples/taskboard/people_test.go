package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gogeist/geist/examples/taskboard/board"
)

func TestAddPeople(t *testing.T) {
	dir := t.TempDir()
	store, err := board.Open(t.Context(), filepath.Join(dir, "tasks.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	file := filepath.Join(dir, "people.txt")
	for _, test := range []struct {
		name, lines string
		ok, form    bool
	}{
		{"nobody", "# comment\n\n", true, false},
		{"two", "Grace Hopper:admin::0123456789abcdef\nlinus:viewer:\n", true, false},
		{"no role", "ada\n", false, true},
		{"too much", "ada:admin:a:b:c\n", false, true},
		{"no such role", "ada:owner:\n", false, false},
		{"a short key", "ada:admin::key\n", false, false},
	} {
		if err := os.WriteFile(file, []byte(test.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		madeUp, err := addPeople(t.Context(), store, file)
		if (err == nil) != test.ok || errors.Is(err, errPeople) != test.form || len(madeUp) > 0 {
			t.Errorf("%s: made up %v, error %v", test.name, madeUp, err)
		}
		if err != nil && !test.form && !strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: the error does not say who is meant: %v", test.name, err)
		}
	}
	if p, err := store.Person(t.Context(), "grace hopper"); err != nil || p.Role != board.Admin {
		t.Errorf("Grace Hopper is %+v, %v", p, err)
	}
	if madeUp, err := addPeople(t.Context(), store, ""); err != nil || len(madeUp) > 0 {
		t.Errorf("a board with people makes up %v, error %v", madeUp, err)
	}
	if _, err := addPeople(t.Context(), store, filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}
