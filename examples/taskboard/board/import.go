package board

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"os"
	"time"

	"github.com/gogeist/geist"
)

const (
	ndjson = "application/x-ndjson" // one JSON value a line

	// maxImportLines and maxImport bound one import, in lines and bytes.
	maxImportLines = 100_000
	maxImport      = 64 << 20
	// maxLine bounds one line, in bytes, as Config bounds the body with one task.
	maxLine = 64 << 10
	// maxLineProblems bounds how many problems an answer names.
	maxLineProblems = 100
	importTime      = 10 * time.Minute
)

var (
	errNotLines     = geist.NewError(415, "send the tasks as "+ndjson+", one a line")
	errTooManyLines = geist.NewError(413, "an import has at most 100,000 lines: send several")
	errNothing      = geist.NewError(422, "there is no line with a task")
	errBadLines     = geist.NewError(422, "some lines are no valid tasks; nothing was imported")
)

// lineProblem says what is wrong with a line. Lines count from 1.
type lineProblem struct {
	Line int `json:"line"`
	geist.FieldError
}

// imported is the answer to an import.
type imported struct {
	// Imported is the number of new tasks, First and Last are the ids of the first and
	// the last of them; between them there are no others.
	Imported int64 `json:"imported" doc:"How many tasks are new."`
	First    int64 `json:"first" doc:"The id of the first of them; between it and the last there are no others."`
	Last     int64 `json:"last" doc:"The id of the last of them."`
}

// importTasks answers POST /api/tasks/import: every line becomes a task, or none does and
// each line that is no valid task is named, so that it can be mended and sent again
// without making the others twice.
//
// Nothing holds the whole: lines are checked as they come and wait in a file until the
// last one has come. Only then they go into the database, at its speed. A client's speed
// would keep all other writers waiting.
func (a *API) importTasks(c *geist.Ctx, _ *geist.None) (*imported, error) {
	if media, _, err := mime.ParseMediaType(c.Header("Content-Type")); err != nil || media != ndjson || c.Header("Content-Encoding") != "" {
		return nil, errNotLines
	}
	spool, err := a.store.blobs.create()
	if err != nil {
		return nil, err
	}
	defer a.store.blobs.drop(spool)
	count, err := spoolDrafts(c.BodyReader(), spool)
	if err != nil {
		return nil, err
	}
	last, err := a.store.Import(c.Context(), spool)
	if err != nil {
		return nil, err
	}
	a.tell(c, change{Event: "tasks.imported"})
	return &imported{Imported: count, First: last - count + 1, Last: last}, nil
}

// spoolDrafts checks the lines of r and writes their tasks to spool, ready to be read. It
// returns how many there are, or errBadLines with what is wrong.
func spoolDrafts(r io.Reader, spool *os.File) (count int64, err error) {
	out := bufio.NewWriter(spool)
	drafts := json.NewEncoder(out)
	var found []lineProblem
	bad := 0
	err = eachLine(r, func(n int, line []byte) error {
		d, wrong := readLine(line)
		if len(wrong) == 0 {
			count++
			return drafts.Encode(&d)
		}
		bad++
		for _, p := range wrong {
			if len(found) < maxLineProblems {
				found = append(found, lineProblem{n, p})
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case bad > 0:
		return 0, errBadLines.With("bad_lines", bad).With("errors", found)
	case count == 0:
		return 0, errNothing
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err = spool.Seek(0, io.SeekStart)
	return count, err
}

// eachLine calls f for every line of r that is not blank, with its number. A line that is
// too long comes as nil. The bytes are valid until f returns.
func eachLine(r io.Reader, f func(n int, line []byte) error) error {
	in := bufio.NewReaderSize(r, maxLine+2) // with the end of the line
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line = bytes.TrimSpace(line)
		if n > maxImportLines && len(line) > 0 {
			return errTooManyLines
		}
		if long {
			line = nil
		}
		if long || len(line) > 0 {
			if err := f(n, line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil //nolint:nilerr // it is the end
		}
	}
}
