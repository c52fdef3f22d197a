package board

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/gogeist/geist"
)

// Role says what a person may do. Each role may do what those before it may.
type Role string

// The roles. The zero Role, of nobody in particular, may read what the API answers.
const (
	Viewer Role = "viewer" // enters the rooms
	Member Role = "member" // writes: tasks, files, messages
	Admin  Role = "admin"  // sees how the service is doing
)

// Enum lists the roles, for the documents.
func (Role) Enum() []Role { return []Role{Viewer, Member, Admin} }

// May reports whether r may do what another role may.
func (r Role) May(other Role) bool { return r.rank() >= other.rank() && r.rank() > 0 }

// rank is 0 for what is no role.
func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Member:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// Person is somebody whom the board knows. The zero Person is nobody.
type Person struct {
	Name string `json:"name" doc:"What others see." example:"ada"`
	Role Role   `json:"role"`
}

// ErrNoPerson means that the board knows nobody of that name, or with that key. Test for it
// with errors.Is.
var ErrNoPerson = errors.New("there is no such person")

// errPerson is what is wrong with who is to be added.
var errPerson = errors.New("a person has a name of 1 to 40 characters on one line, and the role viewer, member or admin")

// minKey is the length of the shortest key.
const minKey = 16

// AddPerson adds a person, with a password to sign in by and a key for programs; an empty
// one of them is none. Only hashes of both are kept. Who is there already, whatever the case
// of the name, stays as they are: added is false then.
func (s *Store) AddPerson(ctx context.Context, p Person, password, key string) (added bool, err error) {
	var wrong problems
	p.Name = wrong.text("", p.Name, 1, maxName)
	if len(wrong) > 0 || !p.Role.May(Viewer) {
		return false, fmt.Errorf("%q as %q: %w", p.Name, p.Role, errPerson)
	}
	if key != "" && len(key) < minKey {
		return false, fmt.Errorf("the key of %s is shorter than %d characters", p.Name, minKey)
	}
	if _, err := s.Person(ctx, p.Name); !errors.Is(err, ErrNoPerson) {
		return false, err
	}
	var hash, sum any // NULL
	if password != "" {
		hash = newHash(password, s.iterations)
	}
	if key != "" {
		sum = keySum(key)
	}
	_, err = s.write.ExecContext(ctx, "INSERT INTO people (name, role, password, key) VALUES (?, ?, ?, ?)", p.Name, p.Role, hash, sum)
	if err != nil {
		return false, fmt.Errorf("add %s: %w", p.Name, err)
	}
	return true, nil
}

// SetIterations sets by how many iterations passwords are hashed, instead of 600,000: fewer for
// tests, which sign many people in. Call it before the store is used.
func (s *Store) SetIterations(n int) { s.iterations = n }

// HasPeople reports whether the board knows anybody.
func (s *Store) HasPeople(ctx context.Context) (known bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM people)").Scan(&known)
	return known, err
}

// Person returns the person of a name, whatever its case, or [ErrNoPerson].
func (s *Store) Person(ctx context.Context, name string) (Person, error) {
	p, _, err := s.person(ctx, "name = ?", name)
	return p, err
}

// personByKey returns whose key it is, or [ErrNoPerson].
func (s *Store) personByKey(ctx context.Context, key string) (Person, error) {
	p, _, err := s.person(ctx, "key = ?", keySum(key))
	return p, err
}

// checkPassword returns the person of a name if that is the password, else [ErrNoPerson]. It
// takes as long for a name that nobody has.
func (s *Store) checkPassword(ctx context.Context, name, password string) (Person, error) {
	p, hash, err := s.person(ctx, "name = ?", strings.TrimSpace(name))
	if err != nil && !errors.Is(err, ErrNoPerson) {
		return Person{}, err
	}
	if !matches(hash, password, s.iterations) {
		return Person{}, ErrNoPerson
	}
	return p, nil
}

// person reads who fulfils a condition, with the hash of their password, which may be "".
func (s *Store) person(ctx context.Context, condition string, arg any) (p Person, hash string, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT name, role, coalesce(password, '') FROM people WHERE "+condition, arg).Scan(&p.Name, &p.Role, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, "", ErrNoPerson
	}
	if err != nil {
		return Person{}, "", fmt.Errorf("read person: %w", err)
	}
	return p, hash, nil
}

// keySum is what is kept of a key. Keys are long and random, so that one round is enough.
func keySum(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

var (
	errNobody = geist.NewError(401, "sign in, or send a key: Authorization: Bearer …")
	errDenied = geist.NewError(403, "your role does not allow that")
)
