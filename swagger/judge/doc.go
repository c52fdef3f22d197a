// Package judge lets tools that others wrote judge the documents of package swagger: validators of
// OpenAPI, AsyncAPI and JSON Schema, and a YAML library. It has no code to import, and is a
// module of its own, so that nobody who uses geist gets what the judges need.
package judge
