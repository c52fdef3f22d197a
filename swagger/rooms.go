package swagger

import "net/http"

// A route of Rooms speaks the protocol geist.v1, whose frames are arrays of which the first
// element says what the others are: more than the keywords that both formats share can say.

// frame is the schema of a frame.
func frame() *object {
	return obj("type", "array", "items", &object{}, "minItems", 1, "description", "A frame of the protocol geist.v1: its name, then what it says.")
}

// roomsParameters are what requests of a route of Rooms say beside its path.
func roomsParameters(method string) []any {
	all := []any{obj("name", "protocol", "in", "query", "description", "The protocol that the client speaks; missing, it is the only one.",
		"schema", obj("type", "string", "const", "geist.v1"))}
	if method == http.MethodPost {
		all = append(all, obj("name", "Geist-Stream", "in", "header", "description", "The key of the stream that the commands belong to: its first frame tells it.",
			"required", true, "schema", obj("type", "string")))
	}
	return all
}

// roomsResponses describes the answers of a route of Rooms.
func (b *builder) roomsResponses(o *object, method string) {
	if method == http.MethodPost {
		o.set("202", obj("description", "The commands were taken; the stream answers them."))
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType} {
			b.addProblem(o, status)
		}
		return
	}
	o.set("101", obj("description", "The connection is a WebSocket from now on, whose messages are frames."))
	o.set("200", obj("description", "A stream of events, the data of each a frame.", "content", obj(mimeEvents, obj("schema", frame()))))
	b.addProblem(o, http.StatusNotAcceptable)
	b.addProblem(o, http.StatusUpgradeRequired)
	o.set("default", obj("description", "The connection is refused.", "content", b.problemContent()))
}
