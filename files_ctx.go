package geist

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// File answers with a file of the system, as Static does: with validators, ranges
// and preconditions, from memory if it is small. The path is the application's own:
// it is not checked, so never make it of what a request says; for that there is FileFS on
// the FS of an [os.Root]. A path without a regular file is 404. After
// c.Status(404) and the like the whole file is sent with that status.
func (c *Ctx) File(path string) error {
	c.check()
	file, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return c.noFile(err)
	}
	return c.sendOpen(file, filepath.Base(path))
}

// FileFS is File with a file system. The name is a path as [fs.ValidPath] has it;
// any other is 404, so that it may come from a request if the whole file system is
// public. Of a file in an [embed.FS] the entity tag is a hash of its content, made once.
func (c *Ctx) FileFS(fsys fs.FS, name string) error {
	c.check()
	if e, ok := fsys.(embed.FS); ok {
		return c.embedded(e, name)
	}
	if !fs.ValidPath(name) {
		return c.noFile(fs.ErrNotExist)
	}
	file, err := fsys.Open(name)
	if err != nil {
		return c.noFile(err)
	}
	return c.sendOpen(file, path.Base(name))
}

// Attachment is File for a download: the browser saves the file, under the given
// name or, if that is empty, the one that it has. The name may come from anywhere:
// directories and control characters are taken out of it, and it is sent as RFC 6266
// and RFC 8187 have it.
func (c *Ctx) Attachment(path, name string) error {
	if name == "" {
		name = filepath.Base(path)
	}
	err := c.File(path)
	if err == nil {
		c.rc.Response.Header.Set(fasthttp.HeaderContentDisposition, disposition(name))
	}
	return err
}

// embedded answers from an embed.FS, of which the engine remembers what it has seen.
func (c *Ctx) embedded(fsys embed.FS, name string) error {
	if !fs.ValidPath(name) {
		return c.noFile(fs.ErrNotExist)
	}
	known, ok := c.server.embedded.Load(fsys)
	if !ok {
		known, _ = c.server.embedded.LoadOrStore(fsys, &files{fsys: fsys, cfg: StaticConfig{DisablePrecompressed: true}})
	}
	f := known.(*files)
	e, err := f.entry(name, c.requestTime())
	if err != nil || e.dir {
		return c.noFile(err)
	}
	return f.send(c, name, e)
}

// noFile answers where a handler named a file that is not there. What the server is
// at fault for stays a 500.
func (c *Ctx) noFile(err error) error {
	if err = fileError(err); err != errNoFile { //nolint:errorlint // fileError returns it as it is
		return fmt.Errorf("geist: open file: %w", err)
	}
	return ErrNotFound.Wrap(err)
}

// sendOpen answers with an open file, which it owns.
func (c *Ctx) sendOpen(file fs.File, name string) error {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err != nil {
		_ = file.Close()
		return c.noFile(err)
	}
	r, err := newRepresentation(name, "", "", file, info, true)
	if err != nil || r.data != nil {
		_ = file.Close()
		file = nil
	}
	if err != nil {
		return fmt.Errorf("geist: read file: %w", err)
	}
	return c.sendFile(r, file, fileHeader{})
}

// disposition returns the value of a Content-Disposition field that proposes a name.
// What a quoted string says differently in different browsers stands as _ in the
// name, and the name itself in the form that RFC 8187 defines.
//
//	report.pdf    →  attachment; filename="report.pdf"
//	x";y=z        →  attachment; filename="x__y=z"; filename*=UTF-8''x%22%3By%3Dz
func disposition(name string) string {
	name = downloadName(name)
	plain := true
	ascii := make([]byte, 0, len(name))
	for _, r := range name {
		if r > '~' || r == '"' || r == '\\' || r == '%' || r == ';' {
			plain, r = false, '_'
		}
		ascii = append(ascii, byte(r))
	}
	value := `attachment; filename="` + string(ascii) + `"`
	if plain {
		return value
	}
	b := append([]byte(value), "; filename*=UTF-8''"...)
	for i := range len(name) {
		if x := name[i]; isAttrChar(x) {
			b = append(b, x)
		} else {
			b = appendEscaped(b, x)
		}
	}
	return unsafestring.String(b)
}

// isAttrChar reports whether b is an attr-char of RFC 8187.
func isAttrChar(b byte) bool {
	return 'a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9' || strings.IndexByte("!#$&+-.^_`|~", b) >= 0
}

// maxDownloadName is the most bytes of a name that file systems take.
const maxDownloadName = 255

// downloadName returns what is left of a name without its directories, controls,
// marks that change the direction of writing, which hide an extension, and whatever is not UTF-8.
func downloadName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', 0x7f <= r && r < 0xa0, r == utf8.RuneError,
			r == 0x200e, r == 0x200f, 0x2028 <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, " ")
	for len(name) > maxDownloadName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	if strings.Trim(name, ".") == "" {
		return "download"
	}
	return name
}
