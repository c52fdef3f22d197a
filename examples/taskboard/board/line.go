package board

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// given are the fields of a task that the board gives. A line of an export has them; an
// import reads over them, for its tasks are new ones.
var given = [...]string{"id", "created", "updated", "version", "files"}

// readLine reads a task from a line of an import, nil for one that is too long. It returns
// everything that is wrong with it, in the words of Bind, and never what was sent.
func readLine(line []byte) (d Draft, p problems) {
	d.Status = Todo
	switch {
	case line == nil:
		p.add("#", fmt.Sprintf("must be at most %d KiB long", maxLine>>10))
	case !utf8.Valid(line):
		p.add("#", "must be UTF-8")
	case !json.Valid(line):
		p.add("#", "must be JSON")
	case line[0] != '{':
		p.add("#", "must be an object")
	default:
		p = d.readFields(line)
	}
	if len(p) == 0 {
		p = d.normalize()
	}
	return d, p
}

// readFields sets what an object, which is valid JSON, names. A task that it describes in
// part is never made: whoever calls it looks at the problems first.
func (d *Draft) readFields(object []byte) (p problems) {
	fields := map[string]any{"title": &d.Title, "owner": &d.Owner, "status": &d.Status, "due": &d.Due}
	for _, name := range given {
		fields[name] = new(json.RawMessage)
	}
	seen := map[string]bool{}
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the brace; the object is valid, so nothing here fails
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		_ = dec.Decode(&value)
		name, _ := key.(string)
		switch field := fields[name]; {
		case seen[name]:
			p.add(pointerTo(name), "must not be there twice")
		case name == "tags":
			d.Tags = p.tags(value)
		case field == nil:
			p.add(pointerTo(name), "is not a field of tasks")
		case json.Unmarshal(value, field) != nil:
			p.add(pointerTo(name), "must be a string")
		}
		seen[name] = true
	}
	return p
}

// tags reads the tags, and says which of them are no text.
func (p *problems) tags(value json.RawMessage) (tags []string) {
	var all []json.RawMessage
	if json.Unmarshal(value, &all) != nil {
		p.add("#/tags", "must be an array")
		return nil
	}
	for i, one := range all[:min(len(all), maxTags+1)] { // of more, their number is the problem
		tags = append(tags, "")
		if json.Unmarshal(one, &tags[i]) != nil {
			p.add(fmt.Sprintf("#/tags/%d", i), "must be a string")
		}
	}
	return tags
}

// maxPointer is the longest name that a pointer repeats.
const maxPointer = 64

// pointerTo returns the JSON Pointer of a member, as it stands in a URI fragment.
func pointerTo(name string) string {
	if len(name) > maxPointer {
		name = strings.ToValidUTF8(name[:maxPointer], "") + "…"
	}
	return "#/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}
