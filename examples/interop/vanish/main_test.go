//go:build linux

package vanish

import (
	"os"
	"testing"

	"github.com/gogeist/geist/internal/leakcheck"
)

// role is the environment variable that makes another program of this one.
const role = "GEIST_VANISH_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "listener":
		listen()
	case "talker":
		talk()
	}
	leakcheck.Main(m)
}
