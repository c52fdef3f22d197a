package tables

import "github.com/gogeist/geist/internal/routetables"

// Static is a site without parameters: 157 pages of documentation, as go.dev
// and its package index have them.
func Static() Table { return Parse("static", routetables.Static) }
