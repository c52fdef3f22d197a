// Package browsertest runs tests in a real browser: scenarios in JavaScript that drive
// Chromium without a window, by playwright-core. Node, npm and Chromium are expected in
// PATH; what package.json pins beside the test is brought from npm.
package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience bounds what is started here; nothing waits that long unless it is broken.
const patience = 5 * time.Minute

// Run builds the program in the directory dir and runs a script, which makes each line that
// it prints a subtest: JSON with its name and, if it failed, error. The script finds the
// program's file in the environment variable that variable names, the browser in CHROMIUM
// and an empty directory in TMP_DIR. Its argument is SCENARIO, for a part of the scenarios.
//
// Whatever else the script and the program are made of, made has patterns of: go test takes
// an old result only while these files are the same.
func Run(t *testing.T, script, variable, dir string, made ...string) {
	t.Helper()
	dependOn(t, made)
	node, browser := tool(t, "node"), tool(t, "chromium", "chromium-browser", "google-chrome")
	install(t)
	tmp := t.TempDir()
	program := filepath.Join(tmp, "program")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	command(t, "go", "build", "-o", program, dir)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script, os.Getenv("SCENARIO"))
	cmd.Env = append(os.Environ(), variable+"="+program, "CHROMIUM="+browser, "TMP_DIR="+tmp)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends the browser first
	cmd.WaitDelay = 10 * time.Second
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	performed := report(t, script, bufio.NewScanner(stdout))
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s %s: %v\n%s", node, script, err, log.String())
	}
	if performed == 0 {
		t.Error("no scenario was performed")
	}
}

// dependOn looks at files, so that go test sees that the result depends on them.
func dependOn(t *testing.T, patterns []string) {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		for _, file := range found {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// report makes each line of a script a subtest, and returns how many there were.
func report(t *testing.T, script string, lines *bufio.Scanner) (performed int) {
	t.Helper()
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); performed++ {
		var result struct{ Name, Error string }
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			t.Errorf("%s says %q", script, lines.Text())
			continue
		}
		t.Run(result.Name, func(t *testing.T) {
			if result.Error != "" {
				t.Error(result.Error)
			}
		})
	}
	return performed
}

// tool finds a program under one of its names.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("there is no %s: the tests of the page need node 20 or newer, npm and chromium in PATH\n"+
		".ci/setup installs them where it can; on Debian: apt-get install chromium nodejs npm", strings.Join(names, ", no "))
	return ""
}

// install brings what package-lock.json names, unless it is there already.
func install(t *testing.T) {
	t.Helper()
	pinned := version(t, "package.json", `"playwright-core": "([^"]*)"`)
	there := filepath.Join("node_modules", "playwright-core", "package.json")
	if _, err := os.Stat(there); err == nil && version(t, there, `"version": "([^"]*)"`) == pinned {
		return
	}
	command(t, tool(t, "npm"), "ci", "--no-audit", "--no-fund")
}

// version returns what a pattern finds in a file.
func version(t *testing.T, file, pattern string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	return string(m[1])
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
