package hub

// Once publishes unless the history of the room has a message of that ID behind since
// already: then its position is returned.
func Once(since Pos) PublishOption { return PublishOption{once: true, since: since} }
