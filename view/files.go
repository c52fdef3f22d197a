package view

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// textExt is the extension of text templates.
const textExt = ".txt"

// directory is where templates are read from.
type directory struct {
	fsys  fs.FS
	shown string // in front of paths in messages
	ext   string // of HTML templates
	close func()
}

// file is what tells that a template has changed.
type file struct {
	path    string // below the directory
	size    int64
	changed time.Time
}

// open opens the directory of the templates. On the disk links cannot lead out of it.
func (s *Set) open() (*directory, error) {
	d := &directory{shown: s.cfg.Dir, ext: s.cfg.Ext, close: func() {}}
	if s.cfg.FS != nil {
		var err error
		d.fsys, err = fs.Sub(s.cfg.FS, path.Clean(s.cfg.Dir))
		return d, err
	}
	root, err := os.OpenRoot(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	d.fsys, d.close = root.FS(), func() { _ = root.Close() }
	return d, nil
}

// list returns the templates, sorted by path. What can be listed is, whatever else fails.
func (d *directory) list() (files []file, err error) {
	var problems []error
	walk := func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			problems = append(problems, err)
			return nil
		case p != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || !d.isTemplate(p):
			return nil
		}
		info, err := fs.Stat(d.fsys, p) // of what a link leads to
		if err != nil {
			problems = append(problems, d.failure(p, err))
		} else if info.Mode().IsRegular() {
			files = append(files, file{p, info.Size(), info.ModTime()})
		}
		return nil
	}
	if err := fs.WalkDir(d.fsys, ".", walk); err != nil {
		problems = append(problems, err)
	}
	return files, errors.Join(problems...)
}

func (d *directory) isTemplate(p string) bool {
	return strings.HasSuffix(p, d.ext) || strings.HasSuffix(p, textExt)
}

// read returns a template's text.
func (d *directory) read(p string) (string, error) {
	b, err := fs.ReadFile(d.fsys, p)
	if err != nil {
		return "", d.failure(p, err)
	}
	return string(b), nil
}

// failure says which file cannot be read.
func (d *directory) failure(p string, err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err // without the path, which is below the directory
	}
	return &Error{File: d.show(p), Err: err}
}

// show returns a path for messages.
func (d *directory) show(p string) string { return path.Join(d.shown, p) }
