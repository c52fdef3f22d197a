package geist

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The grammar of Accept.
const (
	acceptToken  = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
	acceptQuoted = `"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"`
)

var (
	acceptCommas    = regexp.MustCompile(`(?s)^(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))*`)
	acceptShape     = regexp.MustCompile(`^(?:(` + acceptToken + `)/(` + acceptToken + `)|\*)((?:[ \t]*;[ \t]*(?:` + acceptToken + `=(?:` + acceptToken + `|` + acceptQuoted + `))?)*)$`)
	acceptParameter = regexp.MustCompile(`;[ \t]*(` + acceptToken + `)=(` + acceptToken + `|` + acceptQuoted + `)`)
	acceptWeight    = regexp.MustCompile(`^(?:1(?:\.0*)?|0(?:\.[0-9]*)?|\.[0-9]+)$`)
	quotedPair      = regexp.MustCompile(`(?s)\\(.)`)
)

// slowAccept is an obvious reading of RFC 9110 §12.5.1: it returns the weight of each
// media type in thousandths, and false if Accept has no valid member.
func slowAccept(lines []string, media []string) (weights []int, stated bool) {
	type fit struct{ level, params, weight int }
	best := make([]fit, len(media))
	for _, line := range lines {
		for line = latin(line) + ","; line != ""; {
			member := acceptCommas.FindString(line)
			if line = line[len(member):]; line != "" {
				line = line[1:]
			} else {
				member = strings.TrimSuffix(member, ",") // quotes that do not end hold the comma
			}
			m := acceptShape.FindStringSubmatch(strings.Trim(member, " \t"))
			if len(m) == 0 || m[1] == "*" && m[2] != "*" {
				continue
			}
			if m[1] == "" {
				m[1], m[2] = "*", "*"
			}
			params, q, weights, foreign := 0, "1", 0, false
			for _, p := range acceptParameter.FindAllStringSubmatch(m[3], -1) {
				if strings.EqualFold(p[1], "q") {
					q = p[2]
					weights++
					continue
				}
				value := p[2]
				if strings.HasPrefix(value, `"`) {
					value = quotedPair.ReplaceAllString(value[1:len(value)-1], "$1")
				}
				params++
				foreign = foreign || !strings.EqualFold(p[1], "charset") || !asciiFold(value, "utf-8")
			}
			if weights > 1 || !acceptWeight.MatchString(q) {
				continue
			}
			stated = true
			whole, decimals, _ := strings.Cut(q, ".")
			n, err := strconv.Atoi("0" + whole + (decimals + "000")[:3])
			if err != nil {
				panic(err)
			}
			for i, name := range media {
				kind, sub, _ := strings.Cut(name, "/")
				f := fit{params: params, weight: n}
				switch {
				case foreign:
				case m[1] == "*":
					f.level = 1
				case !asciiFold(m[1], kind):
				case m[2] == "*":
					f.level = 2
				case asciiFold(m[2], sub):
					f.level = 3
				}
				b := best[i]
				if f.level > b.level || f.level == b.level && (f.params > b.params || f.params == b.params && f.weight > b.weight) {
					best[i] = f
				}
			}
		}
	}
	for _, b := range best {
		if b.level == 0 {
			b.weight = 0
		}
		weights = append(weights, b.weight)
	}
	return weights, stated
}

// asciiFold is strings.EqualFold without the Kelvin sign and its like.
func asciiFold(a, b string) bool { return strings.EqualFold(a, b) && len(a) == len(b) }

// latin makes each byte a character of its own, as regular expressions need it.
func latin(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// FuzzAccept: the parser never panics and agrees with the model.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{
		"", "*/*", "application/json", "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5",
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json;charset=\"UTF\\-8\";q=1.000",
		"a/b;c=\"d,e\\\"\";q=0, */*", "text/plain;q=0;q=1", "a/b\ntext/csv ; q=0.5 ;;", "text/plain;charset=utf-8;q=0.1,text/plain",
		"\"", "text/html;q=1.1, */json, /x, x/, ;q=1", "application/json;q=0", "*/*;q=0, text/html;a=", "text/\x80", "*;charset=\"utf-8", "a/b;c=\"\\", "a/b;c=\"\\\x01\"",
		"text/html;q=\"1\"", "*/*;charset=utf-8;charset=utf-8;q=0.0009", "a/b;q=00.1,c/d;q=1.,e/f;q=.",
	} {
		f.Add(s)
	}
	offers := makeOffers(&Config{JSON: GoJSON(), Codecs: map[string]Codec{mimeXML: XML(), mimeTextXML: XML(), "text/csv": GoJSON(), "a/b": GoJSON()}})
	media := make([]string, len(offers))
	for i := range offers {
		media[i] = offers[i].media
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<10 {
			return // the model is slow
		}
		lines := strings.Split(s, "\n")
		raw := make([][]byte, len(lines))
		for i, line := range lines {
			raw[i] = []byte(line)
		}
		ranks := make([]rank, len(offers))
		stated := readAccept(raw, offers, ranks)
		want, wantStated := slowAccept(lines, media)
		if stated != wantStated {
			t.Fatalf("%q: stated %v, want %v", s, stated, wantStated)
		}
		for i := range offers {
			if int(ranks[i].weight) != want[i] {
				t.Errorf("%q: weight of %s = %d, want %d", s, media[i], ranks[i].weight, want[i])
			}
		}
	})
}
