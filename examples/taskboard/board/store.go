package board

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gogeist/geist"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// What a Store returns for tasks that are not as the caller thinks. A geist.Error
// is an ordinary error that knows its HTTP status: handlers just return it.
var (
	ErrNotFound = geist.NewError(404, "there is no such task")
	ErrStale    = geist.NewError(412, "the task has changed since it was read: read it again")
)

// maxReaders bounds the connections that read at once.
const maxReaders = 4

// Store keeps tasks in an SQLite database and their files in a directory beside it. It
// is safe for many goroutines. Every method gives up when its context ends. One process
// at a time uses a database: opening it sweeps the directory.
type Store struct {
	// SQLite has one writer at a time. One connection makes writers wait in line in
	// Go, where their contexts can end the wait, and not in SQLite's busy loop.
	write *sql.DB
	read  *sql.DB
	blobs blobs
	now   func() time.Time // for tests

	iterations int // of hashes of passwords
}

// Open opens the database file, which is made and brought to the newest schema where
// needed, and the directory of the files, which has its name and "-files" behind it. What
// a crash has left there that belongs to no task is removed.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{now: time.Now, blobs: blobs{dir: path + "-files"}, iterations: iterations}
	err := private(path)
	if err != nil {
		return nil, err
	}
	// FULL: a commit is synced to the disk before the client is told, so that what was
	// acknowledged outlives the process, and the machine as far as its disk is honest.
	if s.write, err = open(path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=foreign_keys(1)"); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if s.read, err = open(path, maxReaders, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.write.Close())
	}
	err = migrate(ctx, s.write)
	if err == nil {
		err = s.sweep(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.Close())
	}
	return s, nil
}

// private makes the database file, if it is not there, so that only its owner reads it and the
// files that SQLite puts beside it: hashes of passwords are in it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err // which names the file
	}
	return f.Close()
}

func open(path string, conns int, options ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// As a URL, because a path may hold ? and %.
	file := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")}
	db, err := sql.Open("sqlite", file.String()+"?_pragma=busy_timeout(5000)&"+strings.Join(options, "&"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Close waits for the queries under way and closes the database. A second call
// does nothing.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// NextIDs returns the ids that the next task and the next file will have.
func (s *Store) NextIDs(ctx context.Context) (task, file int64, err error) {
	err = s.read.QueryRowContext(ctx, `
		SELECT coalesce(max(seq) FILTER (WHERE name = 'tasks'), 0) + 1, coalesce(max(seq) FILTER (WHERE name = 'files'), 0) + 1
		FROM sqlite_sequence`).Scan(&task, &file)
	return task, file, err
}

// Create stores a new task.
func (s *Store) Create(ctx context.Context, d Draft) (*Task, error) {
	if err := d.Normalize(); err != nil {
		return nil, err
	}
	tags, err := json.Marshal(d.Tags)
	if err != nil {
		return nil, err
	}
	now := s.moment()
	t := &Task{Draft: d, Created: now, Updated: now, Version: 1}
	err = s.write.QueryRowContext(ctx, `
		INSERT INTO tasks (title, owner, status, tags, due, created, updated, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		t.Title, t.Owner, t.Status, string(tags), t.Due, now.UnixMilli(), now.UnixMilli(), t.Version).Scan(&t.ID)
	if err != nil {
		return nil, fmt.Errorf("create task: %w", err)
	}
	return t, nil
}

// importBatch is how many lines one statement inserts.
const importBatch = 500

// Import stores the tasks that r has, all or none: drafts in JSON as Normalize leaves them,
// one a line. It returns the id of the last; the others stand before it without a gap, for
// nobody else writes meanwhile.
func (s *Store) Import(ctx context.Context, r io.Reader) (last int64, err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("import: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	now := s.moment().UnixMilli()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 8*maxLine) // what was sent in a letter may take six here
	for more := true; more; {
		batch := []byte{'['}
		for n := 0; n < importBatch && more; n++ {
			if more = lines.Scan(); more {
				batch = append(append(batch, lines.Bytes()...), ',')
			}
		}
		if len(batch) == 1 {
			break
		}
		batch[len(batch)-1] = ']'
		result, err := tx.ExecContext(ctx, `
			INSERT INTO tasks (title, owner, status, tags, due, created, updated, version)
			SELECT value ->> 'title', value ->> 'owner', value ->> 'status', value -> 'tags', value ->> 'due', ?, ?, 1
			FROM json_each(?) ORDER BY key`, now, now, string(batch))
		if err == nil {
			last, err = result.LastInsertId()
		}
		if err != nil {
			return 0, fmt.Errorf("import: %w", err)
		}
	}
	if err = lines.Err(); err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return 0, fmt.Errorf("import: %w", err)
	}
	return last, nil
}

// moment is the time as tasks and files show it.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// columns are what scan reads, in its order.
const columns = "id, title, owner, status, tags, due, created, updated, version, (SELECT count(*) FROM files WHERE task = tasks.id)"

// Get returns a task, or [ErrNotFound].
func (s *Store) Get(ctx context.Context, id int64) (*Task, error) {
	return scan(s.read.QueryRowContext(ctx, "SELECT "+columns+" FROM tasks WHERE id = ?", id))
}

// row is what *sql.Row and *sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

func scan(r row) (*Task, error) {
	var t Task
	var tags []byte
	var created, updated int64
	err := r.Scan(&t.ID, &t.Title, &t.Owner, &t.Status, &tags, &t.Due, &created, &updated, &t.Version, &t.Files)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read task: %w", err)
	}
	t.Created, t.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	if err := json.Unmarshal(tags, &t.Tags); err != nil {
		return nil, fmt.Errorf("tags of task %d: %w", t.ID, err)
	}
	return &t, nil
}

// Filter says which tasks List returns. The zero of a field does not filter.
type Filter struct {
	Status    Status
	Owner     string
	Tag       string
	DueBefore string // a day: tasks due on an earlier one
	Text      string // part of the title, whatever the case of ASCII letters
	After     int64  // tasks with a greater id: where the last page ended
}

// List returns at most limit tasks in the order of their ids, and whether there are
// more. Pages are cut by id, not by number: a task that is added or deleted
// meanwhile makes no other one appear twice or not at all.
func (s *Store) List(ctx context.Context, f Filter, limit int) (tasks []*Task, more bool, err error) {
	where, args := f.where()
	rows, err := s.read.QueryContext(ctx, "SELECT "+columns+" FROM tasks WHERE "+where+" ORDER BY id LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, false, fmt.Errorf("list tasks: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells what went wrong
	tasks = []*Task{}  // not nil: JSON shows no tasks as []
	for rows.Next() {
		if len(tasks) == limit {
			return tasks, true, nil
		}
		t, err := scan(rows)
		if err != nil {
			return nil, false, err
		}
		tasks = append(tasks, t)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("list tasks: %w", err)
	}
	return tasks, false, nil
}

// where returns the condition of f. Its text is made of constants only: what a
// client sent is in args.
func (f *Filter) where() (condition string, args []any) {
	terms := []string{"id > ?"}
	args = []any{f.After}
	add := func(wanted bool, term string, arg any) {
		if wanted {
			terms, args = append(terms, term), append(args, arg)
		}
	}
	add(f.Status != "", "status = ?", f.Status)
	add(f.Owner != "", "owner = ?", f.Owner)
	add(f.Tag != "", "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", f.Tag)
	add(f.DueBefore != "", "due < ?", f.DueBefore)
	add(f.Text != "", "instr(lower(title), lower(?)) > 0", f.Text)
	return strings.Join(terms, " AND "), args
}

// Update changes a task by edit and returns it as it is then. It runs in one
// transaction, so that no change made meanwhile is lost. Unless it is 0, version is
// what the task must have, or Update returns [ErrStale]. An error of edit changes nothing.
func (s *Store) Update(ctx context.Context, id, version int64, edit func(*Draft) error) (*Task, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("update task: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	t, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM tasks WHERE id = ?", id))
	if err != nil {
		return nil, err
	}
	if version != 0 && version != t.Version {
		return nil, ErrStale
	}
	if err := edit(&t.Draft); err != nil {
		return nil, err
	}
	if err := t.Normalize(); err != nil {
		return nil, err
	}
	tags, err := json.Marshal(t.Tags)
	if err != nil {
		return nil, err
	}
	t.Version++
	t.Updated = s.moment()
	_, err = tx.ExecContext(ctx, `
		UPDATE tasks SET title = ?, owner = ?, status = ?, tags = ?, due = ?, updated = ?, version = ? WHERE id = ?`,
		t.Title, t.Owner, t.Status, string(tags), t.Due, t.Updated.UnixMilli(), t.Version, id)
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return nil, fmt.Errorf("update task: %w", err)
	}
	return t, nil
}

// Delete removes a task and its files: [ErrNotFound] if there is none, [ErrStale] if
// version is not 0 and not the task's. A file that the disk does not give up is swept
// by the next Open.
func (s *Store) Delete(ctx context.Context, id, version int64) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("delete task: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	t, err := scan(tx.QueryRowContext(ctx, "SELECT "+columns+" FROM tasks WHERE id = ?", id))
	if err != nil {
		return err
	}
	if version != 0 && version != t.Version {
		return ErrStale
	}
	gone, err := column[string](tx.QueryContext(ctx, "SELECT blob FROM files WHERE task = ?", id))
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM tasks WHERE id = ?", id) // its files go with it
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("delete task: %w", err)
	}
	s.blobs.remove(gone...)
	return nil
}

// column reads rows of one column.
func column[T any](rows *sql.Rows, err error) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells what went wrong
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
