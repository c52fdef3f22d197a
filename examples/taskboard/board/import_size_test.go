//go:build !race

package board

// manyLines is how many tasks TestImport_longestInBoundedMemory imports: all it may.
const manyLines = maxImportLines
