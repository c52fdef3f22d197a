// Package swagger describes a geist application for others: its HTTP routes as OpenAPI
// 3.1 and 3.2, its WebSockets and streams of events as AsyncAPI 3.
//
//	if err := swagger.Mount(app, swagger.Config{Title: "Users", Version: "1.0"}); err != nil { … }
//	// /openapi.json /openapi.yaml /openapi-3.2.json /asyncapi.json /asyncapi.yaml
//
// With Pages: ui.Pages, of the module github.com/gogeist/geist/swagger/ui, there are pages that
// show and try them: /docs and /docs/realtime.
//
// The documents are made of what the engine itself knows: the patterns of the routes with
// their constraints, the types that requests are bound to and answers are made of, and the
// options of the routes. There is nothing to annotate, and nothing that can drift. A plain
// route says more by its options:
//
//	app.POST("/users", create).Doc(geist.Body[NewUser](), geist.Returns[User](201))
//
// [NewChecker] makes a checker for package geisttest, by which the tests of an application
// prove its documents.
//
// # Schemas
//
// A type's schema says what JSON the codec reads and writes, no more and no less. What is
// written has as required every member that is always there; a slice or a map that may be nil may be
// null. What is read requires only what rules refuse to miss. Where the two differ a type has two
// schemas, of which the one for what is read has Input behind its name.
//
// Tags of a field add to its schema, those of a blank field to that of its struct:
//
//	type User struct {
//		_    struct{} `doc:"Somebody who may log in."`
//		ID   int      `json:"id" readOnly:"true" example:"7"`
//		Name string   `json:"name" validate:"required,max=50" doc:"As others see it."`
//		Nick string   `json:"nick" deprecated:"true"`
//	}
//
// The rules of validate tags become keywords of what is read. They are not in what is
// written, which nobody checks: a type with few values says so by a method Enum. A rule
// that no keyword says stands in x-geist-validate.
//
// A type says its own schema by a method JSONSchema() string, and its values by
// Enum() []T. [SchemaOf], [EnumOf] and [OneOf] say it of types that cannot have methods;
// a [geist.OneOf] needs no word.
// Types with methods for JSON and no such word allow anything, which is logged; [Config].Strict
// makes a problem of it.
package swagger
