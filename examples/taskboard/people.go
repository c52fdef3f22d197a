package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gogeist/geist/examples/taskboard/board"
)

// newcomer is somebody who is added, with what they sign in by.
type newcomer struct {
	board.Person
	password, key string
}

// addPeople adds those whom a file names; without one, three to begin with on a board that
// has nobody. It returns whom it has made up.
func addPeople(ctx context.Context, store *board.Store, file string) (madeUp []newcomer, err error) {
	all, err := readPeople(file)
	if err != nil {
		return nil, err
	}
	if file == "" {
		if known, err := store.HasPeople(ctx); err != nil || known {
			return nil, err
		}
		all = demoPeople()
		madeUp = all
	}
	for _, p := range all {
		if _, err := store.AddPerson(ctx, p.Person, p.password, p.key); err != nil {
			return nil, err
		}
	}
	return madeUp, nil
}

// demoPeople returns one person of each role. The member has a key.
func demoPeople() []newcomer {
	all := []newcomer{
		{Person: board.Person{Name: "ada", Role: board.Admin}},
		{Person: board.Person{Name: "grace", Role: board.Member}, key: rand.Text()},
		{Person: board.Person{Name: "linus", Role: board.Viewer}},
	}
	for i := range all {
		all[i].password = strings.ToLower(rand.Text()[:12])
	}
	return all
}

// errPeople is what is wrong with a file of people.
var errPeople = errors.New("a line is name:role:password, or name:role:password:key")

// readPeople reads a file of people, one a line; "" names none.
func readPeople(file string) (all []newcomer, err error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, ":")
		if len(parts) < 3 || len(parts) > 4 {
			return nil, fmt.Errorf("%s:%d: %w", file, n, errPeople)
		}
		p := newcomer{Person: board.Person{Name: parts[0], Role: board.Role(parts[1])}, password: parts[2]}
		if len(parts) == 4 {
			p.key = parts[3]
		}
		all = append(all, p)
	}
	return all, lines.Err()
}
