package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// tools installs what package.json names, once for each version of it and of the files
// beside it, and returns the directory. It lies in the cache of the repository, which git
// ignores.
func tools(t *testing.T) string {
	t.Helper()
	files, sum := map[string][]byte{}, sha256.New()
	for _, name := range []string{"package.json", "parse.mjs", "spectral.yaml"} {
		files[name] = read(t, name)
		_, _ = sum.Write(files[name]) // a hash takes everything
	}
	cache, err := filepath.Abs("../../.cache")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "judge-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(cache, "judge-new-") //nolint:usetesting // it becomes the directory that is kept
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := command(t, fresh, 5*time.Minute, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another run was quicker
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// command runs a program and returns what it printed. A status other than 0 is no error
// of its own: judges end so when they have something to say.
func command(t *testing.T, dir string, limit time.Duration, name string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "NO_COLOR=1", "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	c.WaitDelay = 5 * time.Second
	out, err := c.Output()
	exit := (*exec.ExitError)(nil)
	if errors.As(err, &exit) {
		if ctx.Err() != nil || name == "npm" {
			return exit.Stderr, err
		}
		if len(out) == 0 {
			return append(out, exit.Stderr...), nil
		}
		return out, nil
	}
	return out, err
}
