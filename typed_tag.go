package geist

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// fieldTags are the tags that the engine reads, and those that only describe.
var fieldTags = []string{
	"path", "uri", "query", "header", "cookie", "form", "json", "xml", "validate", "binding", "default", "layout",
	"time_format", "time_location", "collection_format", "doc", "example", "deprecated", "readOnly", "writeOnly",
}

// foreignTags are what other frameworks call something that is here called otherwise.
var foreignTags = map[string]string{
	"param": "path", "params": "path", "reqHeader": "header", "reqheader": "header", "body": "json", "in": "query",
	"required": "binding:\"required\"", "multipart": "form",
}

// tagProblems reports what nobody would read in a field's tag. Tags of other packages
// (db, yaml) are theirs, unless they look like a slip in one of ours.
func tagProblems(tag reflect.StructTag, typed bool) (problems []string) {
	keys, ok := tagKeys(string(tag))
	if !ok {
		problems = append(problems, "has a malformed tag: write key:\"value\" pairs, separated by spaces")
	}
	for _, key := range keys {
		if slices.Contains(fieldTags, key) {
			continue
		}
		if ours, ok := foreignTags[key]; ok {
			problems = append(problems, fmt.Sprintf("has the tag %s, which is not read here: use %s", key, ours))
			continue
		}
		for _, ours := range fieldTags {
			if slip(key, ours) {
				problems = append(problems, fmt.Sprintf("has the tag %s: did you mean %s?", key, ours))
			}
		}
	}
	for s := range numSources {
		_, options, _ := strings.Cut(tag.Get(sourceTags[s]), ",")
		for option := range strings.SplitSeq(options, ",") {
			name, _, _ := strings.Cut(option, "=")
			if !slices.Contains([]string{"", "comma", "default", "omitempty"}, name) {
				problems = append(problems, fmt.Sprintf("has the option %q in its tag %s, which is not known: there are comma and default", name, sourceTags[s]))
			}
		}
	}
	if rules := tag.Get("binding"); typed && rules != "" && rules != "-" && rules != "required" && rules != "omitempty" {
		problems = append(problems, "has rules in its tag binding, of which only required is read: put the others into validate")
	}
	return problems
}

// tagKeys returns the keys of a tag, and whether all of it is well formed.
func tagKeys(tag string) (keys []string, ok bool) {
	for {
		tag = strings.TrimLeft(tag, " ")
		if tag == "" {
			return keys, true
		}
		key, rest, found := strings.Cut(tag, ":")
		if !found || key == "" || strings.ContainsAny(key, " \"") {
			return keys, false
		}
		value, err := strconv.QuotedPrefix(rest)
		if err != nil || value[0] != '"' {
			return keys, false
		}
		keys = append(keys, key)
		tag = rest[len(value):]
	}
}

// slip reports whether s is word with a letter too many, too few, or two that have changed
// places, or in another case. A letter in place of another makes other words: gorm, bson.
func slip(s, word string) bool {
	if strings.EqualFold(s, word) {
		return true
	}
	if len(s) < len(word) {
		s, word = word, s
	}
	i := 0
	for i < len(word) && s[i] == word[i] {
		i++
	}
	switch {
	case len(word) < 4:
		return false
	case len(s) == len(word)+1:
		return s[i+1:] == word[i:]
	case len(s) == len(word) && i+1 < len(s):
		return s[i] == word[i+1] && s[i+1] == word[i] && s[i+2:] == word[i+2:]
	}
	return false
}
