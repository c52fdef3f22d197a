package view_test

import (
	"testing"

	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }
