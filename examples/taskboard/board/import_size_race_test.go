//go:build race

package board

// manyLines is a tenth of the longest import: SQLite takes minutes of all of it under the
// race detector.
const manyLines = maxImportLines / 10
