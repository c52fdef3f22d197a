package geist_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

func TestListen_unix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes there")
	}
	path := filepath.Join(t.TempDir(), "s")
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "here") })
	t.Run("serves", func(t *testing.T) {
		listenOn(t, app, func() error { return app.Listen("unix:" + path) })
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("mode = %v (%v), want 0660", info.Mode(), err)
		}
		c := mustDial(t, func() (net.Conn, error) { return net.Dial("unix", path) })
		if got := askOver(t, c, "/"); !strings.HasSuffix(got, "here") {
			t.Errorf("answer = %q", got)
		}
		err = quiet(geist.Config{}).Listen("unix:" + path)
		if err == nil || !strings.Contains(err.Error(), "unix:"+path) || !strings.Contains(err.Error(), "another address") {
			t.Errorf("second Listen = %v, want advice", err)
		}
	})
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListen_unixStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // as after kill -9
	_ = ln.Close()
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "here") })
	listenOn(t, app, func() error { return app.Listen("unix:" + path) })
	if got := askOver(t, mustDial(t, func() (net.Conn, error) { return net.Dial("unix", path) }), "/"); !strings.HasSuffix(got, "here") {
		t.Errorf("answer = %q", got)
	}
}

func TestListen_unixKeepsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	writeFile(t, path, []byte("mine"))
	err := quiet(geist.Config{}).Listen("unix:" + path)
	if err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("Listen = %v, want a refusal", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("the file holds %q now", b)
	}
}

func TestListen_errorsSayWhatToDo(t *testing.T) {
	ln := listenTCP(t)
	defer ln.Close()
	taken := ln.Addr().String()
	for _, tt := range []struct {
		addr string
		want []string
	}{
		{taken, []string{taken, "port 0"}},
		{"8080", []string{`"8080"`, `":8080"`}},
		{"unix:", []string{"name the socket"}},
		{"systemd", []string{"LISTEN_FDS", ".socket"}},
		{"systemd:web", []string{"LISTEN_FDS"}},
	} {
		for name, listen := range map[string]func(*geist.Engine) error{
			"Listen": func(e *geist.Engine) error { return e.Listen(tt.addr) },
			"Run":    func(e *geist.Engine) error { return e.Run(tt.addr) },
		} {
			err := listen(quiet(geist.Config{DisableBanner: true}))
			if err == nil || !strings.HasPrefix(err.Error(), "geist: listen on ") {
				t.Fatalf("%s(%q) = %v", name, tt.addr, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s(%q) = %v, want %q in it", name, tt.addr, err, want)
				}
			}
		}
	}
}

// activated names the environment variable that makes this test binary a service of
// systemd; it holds the addresses to listen on.
const activated = "GEIST_TEST_ACTIVATED"

// TestListenActivatedChild is no test: it is the service of the test below.
func TestListenActivatedChild(t *testing.T) {
	if os.Getenv(activated) == "" {
		t.Skip("a helper of another test")
	}
	// The manager knows the process's number only after the fork; a shell would exec.
	t.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	for _, addr := range strings.Split(os.Getenv(activated), " ") {
		app := quiet(geist.Config{DrainIdle: -1})
		app.GET("/", func(c *geist.Ctx) error { return c.Text(200, addr) })
		addrs := make(chan net.Addr, 1)
		app.OnListen(func(a net.Addr) { addrs <- a })
		served := make(chan error, 1)
		go func() { served <- app.Listen(addr) }()
		select {
		case a := <-addrs:
			c := mustDial(t, func() (net.Conn, error) { return net.Dial(a.Network(), a.String()) })
			fmt.Printf("%s serves %s: %t\n", addr, a, strings.HasSuffix(askOver(t, c, "/"), addr))
			_ = app.Shutdown(t.Context())
			<-served
		case err := <-served:
			fmt.Printf("%s fails: %v\n", addr, err)
		}
	}
	fmt.Printf("left: %q\n", os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID")+os.Getenv("LISTEN_FDNAMES"))
	os.Exit(0)
}

func TestListen_systemd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no systemd")
	}
	var socket [3]*os.File
	var addr [3]string
	for i := range socket {
		ln := listenTCP(t)
		addr[i] = ln.Addr().String()
		f, err := ln.Listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		_ = ln.Close()
		defer f.Close()
		socket[i] = f
	}
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	for _, tt := range []struct {
		name, listen, names string
		files               []*os.File
		want                []string // lines, or parts of them
	}{
		{"the only one", "systemd systemd", "web.socket", socket[:1],
			[]string{"systemd serves " + addr[0] + ": true", "systemd fails: ", `left: ""`}},
		{"by name", "systemd:admin systemd:web systemd:none", "web:admin", socket[:2],
			[]string{"admin serves " + addr[1] + ": true", "web serves " + addr[0] + ": true", "none fails", `left: ""`}},
		{"without names", "systemd:web systemd", "", socket[:1],
			[]string{"no such socket", "systemd serves " + addr[0] + ": true", `left: ""`}},
		{"several", "systemd systemd:web systemd:api systemd", "web:web:api", socket[:3],
			[]string{"FileDescriptorName=", "FileDescriptorName=", "api serves " + addr[2] + ": true", "FileDescriptorName=", `left: "3`}},
		{"no socket", "systemd", "x", []*os.File{pipe}, []string{"ListenStream=", `left: "1`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestListenActivatedChild$")
			cmd.Env = append(os.Environ(), activated+"="+tt.listen, "LISTEN_FDS="+fmt.Sprint(len(tt.files)), "GORACE=atexit_sleep_ms=0")
			if tt.names != "" {
				cmd.Env = append(cmd.Env, "LISTEN_FDNAMES="+tt.names)
			}
			cmd.ExtraFiles = tt.files
			out, err := cmd.CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if err != nil || len(lines) != len(tt.want) {
				t.Fatalf("%v:\n%s", err, out)
			}
			for i, want := range tt.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %d = %s\nwant %s", i, lines[i], want)
				}
			}
		})
	}
}
