package geist

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/valyala/fasthttp"
)

// upload runs a handler on a form whose file "f" has the content and a hostile name.
func upload(t *testing.T, content string, h func(c *Ctx, fh *multipart.FileHeader) error) (status int, err error) {
	t.Helper()
	var body strings.Builder
	w := multipart.NewWriter(&body)
	part, partErr := w.CreateFormFile("f", "../../evil.sh")
	if partErr != nil {
		t.Fatal(partErr)
	}
	if _, err := io.WriteString(part, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	app := New(Config{Logger: slog.New(slog.DiscardHandler)})
	app.POST("/", func(c *Ctx) error {
		fh, formErr := c.FormFile("f")
		if formErr != nil {
			return formErr
		}
		err = h(c, fh)
		return err
	})
	rc := request("POST", "/")
	rc.Request.Header.SetContentType(w.FormDataContentType())
	rc.Request.SetBodyString(body.String())
	app.Handler()(rc)
	return rc.Response.StatusCode(), err
}

// names returns what is in a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestSaveFile(t *testing.T) {
	for _, content := range []string{"", "hello\x00", strings.Repeat("0123456789abcdef", 100_000)} {
		dir := t.TempDir()
		path := filepath.Join(dir, "kept")
		status, err := upload(t, content, func(c *Ctx, fh *multipart.FileHeader) error { return c.SaveFile(fh, path) })
		if status != fasthttp.StatusOK || err != nil {
			t.Fatalf("%d bytes: status %d, %v", len(content), status, err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%d bytes: read back %d bytes, %v", len(content), len(got), err)
		}
		if all := names(t, dir); len(all) != 1 {
			t.Errorf("the directory holds %q, want only the file", all)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
		}
	}
}

func TestSaveFile_refuses(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	before := names(t, dir)
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"a file that exists", taken, fs.ErrExist},
		{"a link to nowhere", link, fs.ErrExist},
		{"a directory", dir, nil},
		{"a directory that does not exist", filepath.Join(dir, "none", "f"), fs.ErrNotExist},
		{"no path", "", nil},
		{"a NUL", filepath.Join(dir, "a\x00b"), nil},
	} {
		if tt.path == link && len(before) == 1 {
			continue // Windows made no link
		}
		status, err := upload(t, "secret", func(c *Ctx, fh *multipart.FileHeader) error { return c.SaveFile(fh, tt.path) })
		if status != fasthttp.StatusInternalServerError || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: status %d, error %v, want 500 and %v", tt.name, status, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("%s: the error holds the client's name: %v", tt.name, err)
		}
	}
	if got, err := os.ReadFile(taken); err != nil || string(got) != "mine" {
		t.Errorf("the file that was there holds %q, %v", got, err)
	}
	if got := names(t, dir); len(got) != len(before) {
		t.Errorf("left behind: %q, before %q", got, before)
	}
}

// An upload whose temporary file is gone fails before anything is made.
func TestSaveFile_withoutItsSource(t *testing.T) {
	dir := t.TempDir()
	_, err := upload(t, "x", func(c *Ctx, _ *multipart.FileHeader) error {
		return c.SaveFile(&multipart.FileHeader{}, filepath.Join(dir, "f"))
	})
	if all := names(t, dir); err == nil || len(all) > 0 {
		t.Errorf("error %v, left behind %q", err, all)
	}
}

// TestSaveFile_removesAPart: what ends in the middle, as on a full disk, leaves nothing.
func TestSaveFile_removesAPart(t *testing.T) {
	broken := errors.New("no space left")
	for name, src := range map[string]io.Reader{
		"error": io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotest.ErrReader(broken)),
		"panic": io.MultiReader(strings.NewReader("x"), readerFunc(func() { panic(broken) })),
	} {
		dir := t.TempDir()
		var err error
		func() {
			defer func() {
				if v := recover(); v != nil {
					err = v.(error)
				}
			}()
			err = writeNew(filepath.Join(dir, "part"), src)
		}()
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want %v", name, err, broken)
		}
		if all := names(t, dir); len(all) > 0 {
			t.Errorf("%s: left behind %q", name, all)
		}
	}
}

// readerFunc is a reader whose Read does something and returns nothing.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) { f(); return 0, io.EOF }
