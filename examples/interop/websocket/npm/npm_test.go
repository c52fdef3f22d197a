package npm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
)

// patience bounds what is started here; nothing waits that long unless it is broken.
const patience = 3 * time.Minute

// scenarios is how many client.mjs has.
const scenarios = 10

// TestWS runs the scenarios of client.mjs.
func TestWS(t *testing.T) {
	node := tool(t, "node")
	install(t)
	url := "ws" + strings.TrimPrefix(loopback.Serve(t, newServer()), "http")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "client.mjs", url) //nolint:gosec // our own program
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("node client.mjs: %v\n%s", err, log.String())
	}
	performed := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); performed++ {
		var result struct{ Name, Error string }
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			t.Errorf("client.mjs says %q", lines.Text())
			continue
		}
		t.Run(result.Name, func(t *testing.T) {
			if result.Error != "" {
				t.Error(result.Error)
			}
		})
	}
	if performed != scenarios {
		t.Errorf("got %d scenarios, want %d", performed, scenarios)
	}
}

func newServer() *geist.Engine {
	app := geist.New(geist.Config{
		DrainIdle: -1, Logger: slog.New(slog.DiscardHandler),
		WebSocket: geist.WebSocketConfig{MaxMessageBytes: 1 << 20, PingInterval: 200 * time.Millisecond},
	})
	app.WS("/echo", func(_ *geist.Ctx, ws *geist.Conn) error {
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			if err := ws.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
	}, geist.Subprotocols("echo"), geist.Compression(1))
	app.WS("/close/:code", func(c *geist.Ctx, ws *geist.Conn) error {
		code, err := strconv.Atoi(c.Param("code"))
		if err != nil {
			return err
		}
		return ws.Close(code, "because")
	}, geist.Subprotocols("echo"))
	app.WS("/refused", func(*geist.Ctx, *geist.Conn) error { return geist.NewError(403, "no") })
	return app
}

// tool finds a program.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("there is no %s: node 20 or newer and npm must be in PATH; .ci/setup installs them where it can", name)
	}
	return path
}

// install brings what package-lock.json names, unless it is there already.
func install(t *testing.T) {
	t.Helper()
	pinned := version(t, "package.json", `"ws": "([^"]*)"`)
	there := filepath.Join("node_modules", "ws", "package.json")
	if _, err := os.Stat(there); err == nil && version(t, there, `"version": "([^"]*)"`) == pinned {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, tool(t, "npm"), "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil { //nolint:gosec // npm
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
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
