package geistclient

import (
	"testing"

	"github.com/gogeist/geist/client/go/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }
