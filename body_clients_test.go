package geist_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// tool returns the path of a program that these tests need.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not in PATH: install it, .ci/setup does", name)
	}
	return path
}

// run runs a client and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(tool(t, name), args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// sums serves what tells the bytes that have come.
func sums(t *testing.T) string {
	sum := func(c *geist.Ctx) error {
		h := sha256.New()
		if _, err := io.Copy(h, c.BodyReader()); err != nil {
			return err
		}
		return c.Text(200, hex.EncodeToString(h.Sum(nil)))
	}
	w := newWire(t, geist.Config{DecompressBodies: true}, func(app *geist.Engine) {
		app.PUT("/stream", sum).Doc(geist.StreamBody(), geist.BodyLimit(32<<20))
		app.PUT("/whole", sum).Doc(geist.BodyLimit(32 << 20))
		app.PUT("/auth", sum).Doc(geist.With(func(*geist.Ctx) error { return geist.NewError(401, "no") }))
		app.POST("/form", func(c *geist.Ctx) error {
			var out strings.Builder
			err := geist.EachPart(c, func(p *geist.Part) error {
				h := sha256.New()
				n, err := io.Copy(h, p)
				fmt.Fprintf(&out, "%s %s %d %x\n", p.Name(), p.FileName(), n, h.Sum(nil)[:4])
				return err
			})
			if err != nil {
				return err
			}
			return c.Text(200, out.String())
		}).Doc(geist.StreamBody(), geist.BodyLimit(32<<20))
	})
	return "http://" + w.addr
}

func TestClient_curl(t *testing.T) {
	url := sums(t)
	dir := t.TempDir()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<19) // 8 MiB: curl then says Expect by itself
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, _ = zw.Write(data)
	_ = zw.Close()
	for name, b := range map[string][]byte{"a.bin": data, "b.txt": []byte("small"), "a.gz": packed.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "a.bin")
	sum := sha256.Sum256(data)
	want := hex.EncodeToString(sum[:])
	for _, args := range [][]string{
		{"-T", file, url + "/stream"},
		{"-T", file, url + "/whole"},
		{"-T", file, "-H", "Transfer-Encoding: chunked", url + "/stream"},
		{"-T", file, "-H", "Expect:", url + "/stream"},
		{"-T", file, "-H", "Expect: 100-continue", "--expect100-timeout", "30", url + "/whole"},
		{"-X", "PUT", "--data-binary", "@" + filepath.Join(dir, "a.gz"), "-H", "Content-Encoding: gzip", url + "/whole"},
	} {
		if got := run(t, "curl", append([]string{"-sSf"}, args...)...); got != want {
			t.Errorf("curl %v: got %s, want %s", args, got, want)
		}
	}
	got := run(t, "curl", "-sSf", "-F", "a=1", "-F", "f=@"+file, "-F", "f=@"+filepath.Join(dir, "b.txt")+";filename=../x/b.txt", url+"/form")
	small, one := sha256.Sum256([]byte("small")), sha256.Sum256([]byte("1"))
	if want := fmt.Sprintf("a  1 %x\nf a.bin %d %x\nf b.txt 5 %x\n", one[:4], len(data), sum[:4], small[:4]); got != want {
		t.Errorf("curl -F: got %q, want %q", got, want)
	}
	// Refused before a byte of the body was sent: curl waits for 100 Continue.
	for path, want := range map[string]string{"/auth": "401 0", "/nowhere": "404 0"} {
		got := run(t, "curl", "-sS", "-o", os.DevNull, "-w", "%{http_code} %{size_upload}", "-T", file, "-H", "Expect: 100-continue", "--expect100-timeout", "30", url+path)
		if got != want {
			t.Errorf("curl %s: status and bytes sent: got %s, want %s", path, got, want)
		}
	}
}

func TestClient_node(t *testing.T) {
	url := sums(t)
	const script = `
const [url] = process.argv.slice(1);
const piece = new Uint8Array(64 << 10).fill(120);
const body = n => new ReadableStream({ pull(c) { n-- > 0 ? c.enqueue(piece) : c.close() } });
const put = async (path, n) => {
  const r = await fetch(url + path, { method: "PUT", duplex: "half", body: body(n) });
  return r.status + " " + (r.status == 200 ? await r.text() : "");
};
(async () => {
  console.log(await put("/stream", 64));
  console.log(await put("/whole", 64));
  const f = new FormData();
  f.append("a", "1");
  f.append("f", new Blob([piece]), "n.bin");
  console.log((await (await fetch(url + "/form", { method: "POST", body: f })).text()).trim());
})();`
	sum := sha256.Sum256(bytes.Repeat([]byte("x"), 64*64<<10))
	one, file := sha256.Sum256([]byte("1")), sha256.Sum256(bytes.Repeat([]byte("x"), 64<<10))
	want := fmt.Sprintf("200 %x\n200 %[1]x\na  1 %x\nf n.bin 65536 %x\n", sum, one[:4], file[:4])
	if got := run(t, "node", "-e", script, url); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
