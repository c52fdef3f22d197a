// Package board is the taskboard's service: tasks, how they are stored, and the
// HTTP API over them. It knows nothing of flags, listeners or the front page.
package board

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gogeist/geist"
)

// Status says in which column of the board a task stands.
type Status string

// The columns, from left to right.
const (
	Todo  Status = "todo"
	Doing Status = "doing"
	Done  Status = "done"
)

// Enum lists the columns, for the documents.
func (Status) Enum() []Status { return []Status{Todo, Doing, Done} }

// Valid reports whether s is one of the columns.
func (s Status) Valid() bool { return s == Todo || s == Doing || s == Done }

// Draft is the part of a task that its users write.
//
// The rules are those of one field each, which documents tell. What they cannot say,
// [Draft.Normalize] finds.
type Draft struct {
	// Title says what is to be done: 1 to 200 characters on one line.
	Title string `json:"title" validate:"required,max=200" doc:"What is to be done, on one line." example:"Buy milk"`
	// Owner is who does it: at most 50 characters, empty for nobody yet.
	Owner string `json:"owner" validate:"max=50" doc:"Who does it; empty for nobody yet." example:"ada"`
	// Status is Todo unless the request says otherwise.
	Status Status `json:"status" default:"todo" validate:"oneof=todo doing done" doc:"The column of the board."`
	// Tags are at most 10, of 1 to 30 characters each; they are kept sorted.
	Tags []string `json:"tags" validate:"max=10,dive,min=1,max=30" doc:"Kept sorted, each once."`
	// Due is the day by which it should be done, 2006-01-02; nil means no day.
	Due *string `json:"due" validate:"omitempty,datetime=2006-01-02" doc:"The day by which it should be done, or null." example:"2030-01-31"`
}

// Edit is what a change of a task names: what is missing stays as it is.
type Edit struct {
	Title  geist.Opt[string]   `json:"title" validate:"min=1,max=200"`
	Owner  geist.Opt[string]   `json:"owner" validate:"max=50"`
	Status geist.Opt[Status]   `json:"status" validate:"oneof=todo doing done"`
	Tags   geist.Opt[[]string] `json:"tags" validate:"max=10,dive,min=1,max=30" doc:"All of them, in place of those before."`
	Due    geist.Opt[string]   `json:"due" validate:"datetime=2006-01-02" doc:"A day; null for none."`
}

// apply makes the changes. Null says nothing but of tags and the day, which it removes.
func (e *Edit) apply(d *Draft) {
	d.Title, d.Owner, d.Status = e.Title.Or(d.Title), e.Owner.Or(d.Owner), e.Status.Or(d.Status)
	if e.Tags.Set {
		d.Tags = e.Tags.Value
	}
	if e.Due.Set {
		d.Due = nil
		if day, ok := e.Due.Get(); ok {
			d.Due = &day
		}
	}
}

// Task is a draft that the board has taken.
type Task struct {
	// ID is positive, grows, and is never given twice.
	ID int64 `json:"id" doc:"Grows, and is never given twice." example:"7"`
	Draft
	// Created and Updated are in UTC, to the millisecond.
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Version is 1 at first and grows by 1 with every change, a file that comes or goes
	// included. It is the task's ETag.
	Version int64 `json:"version" doc:"Grows by 1 with every change. In quotes it is the task's ETag."`
	// Files is how many files the task has.
	Files int `json:"files" doc:"How many files the task has."`
}

// ErrInvalid answers a body that is read, but is no task: 422 with every problem as a
// geist.FieldError, the form in which Bind reports what it finds. Test for it with errors.Is.
var ErrInvalid = geist.NewError(422, "the task is not valid")

const (
	maxTitle = 200
	maxOwner = 50
	maxTags  = 10
	maxTag   = 30
)

// Normalize brings a draft into the form that is stored: no space around texts, tags
// sorted and each only once. It returns [ErrInvalid] with every problem it finds.
func (d *Draft) Normalize() error { return d.normalize().err() }

func (d *Draft) normalize() (p problems) {
	d.Title = p.text("#/title", d.Title, 1, maxTitle)
	d.Owner = p.text("#/owner", d.Owner, 0, maxOwner)
	if !d.Status.Valid() {
		p.add("#/status", "must be todo, doing or done")
	}
	if len(d.Tags) > maxTags {
		p.add("#/tags", fmt.Sprintf("must be at most %d tags", maxTags))
	} else {
		tags := make([]string, len(d.Tags)) // not nil: JSON shows no tags as []
		for i, tag := range d.Tags {
			tags[i] = p.text(fmt.Sprintf("#/tags/%d", i), tag, 1, maxTag)
		}
		slices.Sort(tags)
		d.Tags = slices.Compact(tags)
	}
	if d.Due != nil && !validDay(*d.Due) {
		p.add("#/due", "must be a day such as 2030-01-31, or null")
	}
	return p
}

// validDay reports whether s is a day of the calendar, written 2006-01-02.
func validDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// problems collects what is wrong with one body.
type problems []geist.FieldError

func (p *problems) add(pointer, detail string) {
	*p = append(*p, geist.FieldError{Pointer: pointer, Detail: detail})
}

// text checks one line of text and returns it without the space around it.
func (p *problems) text(pointer, s string, shortest, longest int) string {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case n < shortest:
		p.add(pointer, "must not be empty")
	case n > longest:
		p.add(pointer, fmt.Sprintf("must be at most %d characters long", longest))
	case strings.ContainsFunc(s, unicode.IsControl):
		p.add(pointer, "must be one line without control characters")
	}
	return s
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return ErrInvalid.With("errors", []geist.FieldError(p))
}
