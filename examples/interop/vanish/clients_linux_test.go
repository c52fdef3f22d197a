package vanish

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	coder "github.com/coder/websocket"
)

// The other programs: what they say to their starter goes to stdout, and their end is that
// of stdin.

// must ends the program, and says why.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// command runs a program of iproute2.
func command(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil { //nolint:gosec // constants and our own numbers
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// listen is a client in a network of its own. It opens one connection of each kind and
// answers pings, until it is told to cut its cable.
func listen() {
	stdin := bufio.NewScanner(os.Stdin)
	stdin.Scan() // the cable is there
	must(command("addr", "add", clientAddr+"/30", "dev", "inner"))
	must(command("link", "set", "inner", "up"))
	addr := stdin.Text()
	for _, path := range []string{"/read", "/followed"} {
		ws := dial(addr + path)
		go func() { // ends with the program
			for {
				if _, _, err := ws.Read(context.Background()); err != nil {
					return
				}
			}
		}()
	}
	for _, path := range []string{"/run", "/feed", "/wait"} {
		go func() { // ends with the program
			resp, err := http.Get("http://" + addr + path) //nolint:gosec,noctx // our own server
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}()
	}
	stdin.Scan()
	must(command("link", "set", "inner", "down"))
	fmt.Println("cut")
	stdin.Scan()
	os.Exit(0)
}

// talk sends messages over many connections until it is killed.
func talk() {
	addr := os.Args[len(os.Args)-1]
	data := []byte(strings.Repeat("x", 3000))
	for range talkers {
		ws := dial(addr + "/talk")
		go func() { // ends with the program
			for ws.Write(context.Background(), coder.MessageText, data) == nil {
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func dial(url string) *coder.Conn {
	ws, _, err := coder.Dial(context.Background(), "ws://"+url, nil)
	must(err)
	return ws
}
