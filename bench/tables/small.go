package tables

import (
	"fmt"

	"github.com/gogeist/geist/internal/routetables"
)

// One returns a table of one route; it is what hello-world benchmarks measure.
func One(name, pattern string) Table { return Parse(name, "GET "+pattern) }

// Growth returns n routes /api/v1/rK/:id, K from 1 to n: an API that grows by
// resources beside each other.
func Growth(n int) Table {
	t := Table{Name: fmt.Sprintf("growth%d", n)}
	for k := 1; k <= n; k++ {
		t.add("GET", fmt.Sprintf("/api/v1/r%d/:id", k))
	}
	return t
}

// GPlus is the Google+ API of 2013: 13 routes.
func GPlus() Table { return Parse("gplus", routetables.GPlus) }

// ParseCom is the REST API of Parse.com: 26 routes.
func ParseCom() Table { return Parse("parse", routetables.Parse) }
