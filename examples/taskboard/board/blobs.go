package board

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// blobs is a directory of contents, each in a file under a random name. The database
// says which of them count. So that both agree whenever the process dies, a content is
// written before the row that names it and removed after it: what is left over at worst is
// a content without a row, which sweep finds.
type blobs struct{ dir string }

// A name is of blobName letters of rand.Text and an extension, by which it is sent as
// bytes of no type, whatever they look like. Nothing else in the directory is ever touched.
const (
	blobName      = 26
	blobExtension = ".bin"
)

// errBlobTooLarge is an error of add that is about the content.
var errBlobTooLarge = errors.New("the content is too large")

// path returns where a content lies. The name is ours, never a client's.
func (b blobs) path(name string) string { return filepath.Join(b.dir, name) }

// add keeps what r has, at most limit bytes (errBlobTooLarge), and returns its name and
// its size once it is on the disk. If add fails, nothing is left.
func (b blobs) add(r io.Reader, limit int64) (name string, size int64, err error) {
	f, err := b.create()
	if err != nil {
		return "", 0, err
	}
	kept := false
	defer func() { // also if the reader panics
		if !kept {
			b.drop(f)
		}
	}()
	size, err = io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil && size > limit {
		err = errBlobTooLarge
	}
	if err == nil {
		err = f.Sync() // before the row that names it
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return "", 0, err
	}
	kept = true
	return filepath.Base(f.Name()), size, nil
}

// create returns a new file, which its owner ends by Close or drop.
func (b blobs) create() (*os.File, error) {
	return os.OpenFile(b.path(rand.Text()+blobExtension), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// drop closes and removes a file.
func (b blobs) drop(f *os.File) {
	_ = f.Close() // Windows removes only what is closed
	b.remove(filepath.Base(f.Name()))
}

// remove removes contents. One that cannot be removed is no error of whoever does not
// want it any more: the next sweep gets it.
func (b blobs) remove(names ...string) {
	for _, name := range names {
		if err := os.Remove(b.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			slog.Warn("a file without a task stays until the next start", "err", err)
		}
	}
}

// sweep makes the directory if need be, and removes what is not known.
func (b blobs) sweep(known map[string]bool) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); isBlobName(name) && e.Type().IsRegular() && !known[name] {
			if err := os.Remove(b.path(name)); err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
		}
	}
	return nil
}

func isBlobName(s string) bool {
	s, ok := strings.CutSuffix(s, blobExtension)
	return ok && len(s) == blobName && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
