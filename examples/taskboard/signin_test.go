package main

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/geisttest"
)

// people are those of the service under test, each with the password "secret of" and the name.
var people = [...]board.Person{{Name: "Ada", Role: board.Admin}, {Name: "Grace", Role: board.Member}, {Name: "Vera", Role: board.Viewer}}
