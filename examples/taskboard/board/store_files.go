package board

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gogeist/geist"
)

// Bounds of what is attached.
const (
	maxFiles     = 20       // of one task
	maxFileBytes = 16 << 20 // of one file
	maxFileName  = 120      // characters; the rest is cut off, but for the extension
)

// Errors of attaching, which say what to do.
var (
	ErrNoFile       = geist.NewError(404, "there is no such file")
	ErrTooManyFiles = geist.NewError(409, "a task has at most 20 files: delete some, or make another task")
	ErrFileTooLarge = geist.NewError(413, "a file has at most 16 MiB")
)

// File is a file of a task.
type File struct {
	// ID is positive, grows, and is never given twice.
	ID int64 `json:"id"`
	// Name is the client's, for people: at most 120 characters on one line, no
	// directories. Two files of a task may have the same.
	Name string `json:"name"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Created is in UTC, to the millisecond.
	Created time.Time `json:"created"`
	// URL is where it is downloaded.
	URL string `json:"url"`

	blob string
}

// Upload is files that have come, but belong to no task yet. End it by [Upload.Close].
type Upload struct {
	store *Store
	files []*File
}

// NewUpload returns an empty upload.
func (s *Store) NewUpload() *Upload { return &Upload{store: s} }

// Add keeps a file. It returns [ErrFileTooLarge], [ErrTooManyFiles], or the error of r.
func (u *Upload) Add(name string, r io.Reader) error {
	if len(u.files) == maxFiles {
		return ErrTooManyFiles
	}
	blob, size, err := u.store.blobs.add(r, maxFileBytes)
	if errors.Is(err, errBlobTooLarge) {
		return ErrFileTooLarge
	}
	if err != nil {
		return fmt.Errorf("keep file: %w", err)
	}
	u.files = append(u.files, &File{Name: shownName(name), Size: size, blob: blob})
	return nil
}

// Close removes what has not been attached. A second call does nothing.
func (u *Upload) Close() {
	for _, f := range u.files {
		u.store.blobs.remove(f.blob)
	}
	u.files = nil
}

// shownName makes a name presentable: one line of visible text that does not hide its
// extension, neither by its length nor by marks that turn the direction of writing.
func shownName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, name))
	if runes := []rune(name); len(runes) > maxFileName {
		tail := max(strings.LastIndexByte(name, '.'), 0)
		end := []rune(name[tail:])
		if tail == 0 || len(end) > maxFileName/4 {
			end = nil
		}
		name = string(runes[:maxFileName-len(end)]) + string(end)
	}
	if strings.Trim(name, ".") == "" {
		return "file"
	}
	return name
}

// Attach gives all files of an upload to a task, or none. It returns the task and its
// new files: [ErrNotFound] if there is no such task, [ErrTooManyFiles] if it would have
// too many.
func (s *Store) Attach(ctx context.Context, task int64, u *Upload) (*Task, []*File, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("attach files: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	t, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM tasks WHERE id = ?", task))
	if err != nil {
		return nil, nil, err
	}
	if t.Files += len(u.files); t.Files > maxFiles {
		return nil, nil, ErrTooManyFiles
	}
	now := s.moment()
	for _, f := range u.files {
		f.Created = now
		err := tx.QueryRowContext(ctx, "INSERT INTO files (task, blob, name, size, created) VALUES (?, ?, ?, ?, ?) RETURNING id",
			task, f.blob, f.Name, f.Size, now.UnixMilli()).Scan(&f.ID)
		if err != nil {
			return nil, nil, fmt.Errorf("attach files: %w", err)
		}
		f.URL = fileURL(task, f.ID)
	}
	if err := s.touch(ctx, tx, t, now); err != nil {
		return nil, nil, fmt.Errorf("attach files: %w", err)
	}
	files := u.files
	u.files = nil // they are the task's now
	return t, files, nil
}

// touch makes a change of a task's files a new version of it, and commits.
func (s *Store) touch(ctx context.Context, tx *sql.Tx, t *Task, now time.Time) error {
	t.Version++
	t.Updated = now
	_, err := tx.ExecContext(ctx, "UPDATE tasks SET updated = ?, version = ? WHERE id = ?", now.UnixMilli(), t.Version, t.ID)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func fileURL(task, file int64) string { return fmt.Sprintf("/api/tasks/%d/files/%d", task, file) }

// Files returns the files of a task in the order of their ids, or [ErrNotFound].
func (s *Store) Files(ctx context.Context, task int64) ([]*File, error) {
	if _, err := s.Get(ctx, task); err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT id, name, size, created, blob FROM files WHERE task = ? ORDER BY id", task)
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells what went wrong
	files := []*File{} // not nil: JSON shows no files as []
	for rows.Next() {
		f, err := scanFile(rows, task)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, rows.Err()
}

func scanFile(r row, task int64) (*File, error) {
	var f File
	var created int64
	err := r.Scan(&f.ID, &f.Name, &f.Size, &created, &f.blob)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNoFile
	}
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	f.Created, f.URL = time.UnixMilli(created).UTC(), fileURL(task, f.ID)
	return &f, nil
}

// File returns a file of a task and where its content lies, or [ErrNoFile].
func (s *Store) File(ctx context.Context, task, id int64) (f *File, path string, err error) {
	f, err = scanFile(s.read.QueryRowContext(ctx, "SELECT id, name, size, created, blob FROM files WHERE task = ? AND id = ?", task, id), task)
	if err != nil {
		return nil, "", err
	}
	return f, s.blobs.path(f.blob), nil
}

// Detach removes a file of a task and returns the task as it is then, or [ErrNoFile].
func (s *Store) Detach(ctx context.Context, task, id int64) (*Task, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("detach file: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var blob string
	err = tx.QueryRowContext(ctx, "DELETE FROM files WHERE task = ? AND id = ? RETURNING blob", task, id).Scan(&blob)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNoFile
	}
	if err != nil {
		return nil, fmt.Errorf("detach file: %w", err)
	}
	t, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM tasks WHERE id = ?", task))
	if err != nil {
		return nil, err
	}
	if err := s.touch(ctx, tx, t, s.moment()); err != nil {
		return nil, fmt.Errorf("detach file: %w", err)
	}
	s.blobs.remove(blob)
	return t, nil
}

// sweep removes what a crash has left in the directory of the files.
func (s *Store) sweep(ctx context.Context) error {
	blobs, err := column[string](s.write.QueryContext(ctx, "SELECT blob FROM files"))
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	known := make(map[string]bool, len(blobs))
	for _, name := range blobs {
		known[name] = true
	}
	return s.blobs.sweep(known)
}
