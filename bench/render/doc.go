// Package render makes tables, charts, Markdown, a page and JSON of a run. It measures
// nothing and reads no files: what it writes follows from the run alone.
package render
