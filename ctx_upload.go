package geist

import (
	"fmt"
	"io"
	"mime/multipart"
	"os"
)

// SaveFile writes an uploaded file, as FormFile or Bind gives it, to a new file at
// path, a piece at a time. Path is the server's choice: never make it of fh.Filename,
// which the client chooses, without checking it. A file or link that is there
// already is an error (errors.Is fs.ErrExist), so that an upload never overwrites
// anything: to replace a file, save beside it and os.Rename. The directory must exist.
// Only the server's user may read and write the new file (0o600). If SaveFile fails
// there is no new file. Its errors are answered with status 500.
func (c *Ctx) SaveFile(fh *multipart.FileHeader, path string) error {
	c.check()
	src, err := fh.Open()
	if err != nil {
		return fmt.Errorf("geist: SaveFile: %w", err)
	}
	defer src.Close()
	if err := writeNew(path, src); err != nil {
		return fmt.Errorf("geist: SaveFile: %w", err)
	}
	return nil
}

// writeNew copies src to a new file, which it removes again if it fails or panics.
func writeNew(path string, src io.Reader) error {
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			_ = dst.Close() // Windows removes only what is closed
			_ = os.Remove(path)
		}
	}()
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	if err := dst.Close(); err != nil { // some file systems tell only now that they are full
		return err
	}
	done = true
	return nil
}
