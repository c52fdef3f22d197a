package board

import "github.com/gogeist/geist/swagger"

// Documents says what the documents of the board say beside its routes.
func Documents() swagger.Config {
	return swagger.Config{
		Title: "Taskboard", Version: "1.0.0",
		Description: "Tasks that people do together: an API over them, their files, and a stream of what changes.",
		Contact:     swagger.Contact{Name: "geist", URL: "https://github.com/gogeist/geist", Email: "taskboard@geist.test"},
		License:     swagger.License{Name: "MIT", URL: "https://opensource.org/license/mit"},
		Servers: []swagger.Server{
			{URL: "/", Description: "Where this document comes from."},
			{Name: "local", URL: "http://127.0.0.1:8080", Description: "Where it listens unless it is told otherwise."},
		},
		Tags: []swagger.Tag{
			{Name: "tasks", Description: "What is to be done. A change may ask for the version that its client has seen, by If-Match."},
			{Name: "files", Description: "What is attached to tasks."},
			{Name: "live", Description: "What changes, as it changes, and what people say."},
			{Name: "people", Description: "Who asks. Everybody may read; members write, by a session or a key."},
		},
		Strict: true,
	}
}
