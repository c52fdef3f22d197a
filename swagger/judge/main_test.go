package judge

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/gogeist/geist/internal/leakcheck"
)

func TestMain(m *testing.M) {
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	leakcheck.Main(m)
}
