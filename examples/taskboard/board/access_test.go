package board

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Everybody reads; what changes something asks for a member.
func TestAccess_roles(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	for _, test := range []struct{ method, target, body string }{
		{"GET", "/api/tasks", ""},
		{"GET", "/api/tasks/1", ""},
		{"GET", "/api/tasks/1/files", ""},
		{"POST", "/api/tasks", `{"title":"b"}`},
		{"PATCH", "/api/tasks/1", `{"title":"b"}`},
		{"POST", "/api/tasks/import", `{"title":"b"}`},
		{"POST", "/api/tasks/1/files", `{"title":"b"}`},
		{"DELETE", "/api/tasks/1/files/1", ""},
		{"DELETE", "/api/tasks/1", ""},
	} {
		for key, status := range map[string]int{"": 401, "Bearer " + keyOf("Vera"): 403, "Bearer " + keyOf("nobody"): 401} {
			if test.method == "GET" && key != "Bearer "+keyOf("nobody") {
				status = 200
			}
			a := s.want(status, test.method, test.target, test.body, "Authorization", key)
			if status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: 401 without WWW-Authenticate", test.method, test.target)
			}
		}
	}
	if a := s.want(200, "GET", "/api/tasks/1", ""); !strings.Contains(a.body, `"version":1`) {
		t.Errorf("somebody has changed the task: %s", a.body)
	}
}

func TestAccess_me(t *testing.T) {
	s := newService(t)
	a := s.want(200, "GET", "/api/me", "", "Authorization", "Bearer "+keyOf("Vera"))
	if want := `{"name":"Vera","role":"viewer"}`; a.body != want {
		t.Errorf("body = %s, want %s", a.body, want)
	}
	s.want(401, "GET", "/api/me", "", "Authorization", "")
}

// A page of another site cannot use what its visitor's browser sends by itself.
func TestAccess_anotherSite(t *testing.T) {
	s := newService(t)
	s.want(403, "POST", "/api/tasks", `{"title":"a"}`, "Sec-Fetch-Site", "cross-site")
	s.want(403, "POST", "/api/tasks", `{"title":"a"}`, "Origin", "https://evil.example")
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`, "Sec-Fetch-Site", "same-origin")
}

// storeWithPeople is a store without a service.
func storeWithPeople(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "tasks.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	addPeople(t, s)
	return s
}

func TestStore_people(t *testing.T) {
	s := storeWithPeople(t)
	ctx := context.Background()
	for _, test := range []struct {
		name     string
		person   Person
		password string
		want     error
	}{
		{"right", Person{"Ada", Admin}, "secret of Ada", nil},
		{"whatever the case", Person{"ada", Admin}, "secret of Ada", nil},
		{"another's password", Person{"Ada", Admin}, "secret of Grace", ErrNoPerson},
		{"no password", Person{"Ada", Admin}, "", ErrNoPerson},
		{"nobody", Person{"Nobody", Admin}, "secret of Ada", ErrNoPerson},
		{"nobody without a password", Person{"Nobody", Admin}, "", ErrNoPerson},
		{"who has none", Person{"Robot", Member}, "", ErrNoPerson},
	} {
		if _, err := s.AddPerson(ctx, Person{"Robot", Member}, "", "0123456789abcdef-Robot"); err != nil {
			t.Fatal(err)
		}
		t.Run(test.name, func(t *testing.T) {
			p, err := s.checkPassword(ctx, test.person.Name, test.password)
			if !errors.Is(err, test.want) || err == nil && !strings.EqualFold(p.Name, test.person.Name) {
				t.Errorf("%+v, %v, want %v", p, err, test.want)
			}
		})
	}
}

func TestStore_addPerson(t *testing.T) {
	s := storeWithPeople(t)
	ctx := context.Background()
	for _, p := range []Person{{"", Member}, {" ", Member}, {"a\nb", Member}, {strings.Repeat("x", maxName+1), Member}, {"Eve", ""}, {"Eve", "owner"}} {
		if _, err := s.AddPerson(ctx, p, "", ""); !errors.Is(err, errPerson) {
			t.Errorf("%+v: %v, want %v", p, err, errPerson)
		}
	}
	if _, err := s.AddPerson(ctx, Person{"Eve", Member}, "", "short"); err == nil {
		t.Error("a short key is taken")
	}
	if added, err := s.AddPerson(ctx, Person{"ADA", Viewer}, "x", ""); added || err != nil {
		t.Errorf("who is there is added again: %t, %v", added, err)
	}
	if p, err := s.Person(ctx, "ada"); err != nil || p != (Person{"Ada", Admin}) {
		t.Errorf("%+v, %v: who is there has changed", p, err)
	}
}

// A hash says by how many iterations it was made, so that their number may grow.
func TestMatches_otherIterations(t *testing.T) {
	hash := newHash("secret", 7)
	if !matches(hash, "secret", 3) || matches(hash, "Secret", 3) {
		t.Errorf("%s does not match its password alone", hash)
	}
	for _, broken := range []string{"", "x", hash[:len(hash)-4], fmt.Sprintf(hashForm, 7, "!"), "md5:1:aaaa"} {
		if matches(broken, "secret", 3) || matches(broken, "", 3) {
			t.Errorf("%q matches", broken)
		}
	}
}
