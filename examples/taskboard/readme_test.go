package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands finds what the program prints to be tried.
var commands = regexp.MustCompile(`(?m)^  ((?:curl|printf) .*)$`)

// TestREADME performs the session of examples/README.md: the program prints what
// stands there, and each command answers what stands there.
func TestREADME(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	sessions := regexp.MustCompile("(?s)```console\n\\$ (make demo|(?:curl|printf) .*?)\n(.*?)```").FindAllStringSubmatch(string(b), -1)
	if len(sessions) < 2 || sessions[0][1] != "make demo" {
		t.Fatalf("README.md has %d console sessions: want make demo, then the commands", len(sessions))
	}
	p := startProgram(t)
	defer http.DefaultClient.CloseIdleConnections()
	local := func(s string) string { return strings.ReplaceAll(s, "http://127.0.0.1:8080", p.base) }
	if got, want := normal(p.said), normal(local(sessions[0][2])); got != want {
		t.Errorf("the program prints\n%s\nREADME.md has\n%s", got, want)
	}
	printed := commands.FindAllStringSubmatch(p.said, -1)
	if len(printed) != len(sessions)-1 {
		t.Fatalf("the program prints %d commands, README.md performs %d", len(printed), len(sessions)-1)
	}
	for i, line := range printed {
		want := sessions[i+1]
		if line[1] != local(want[1]) {
			t.Errorf("the program prints %s, README.md performs %s", line[1], local(want[1]))
		}
		if got, want := normal(perform(t, p, line[1])), normal(want[2]); got != want {
			t.Errorf("%s\nanswers\n%s\nREADME.md has\n%s", line[1], got, want)
		}
	}
}

// normal replaces what differs from run to run, and sorts header fields.
func normal(s string) string {
	for _, r := range [][2]string{
		{`\d{4}-\d\d-\d\dT[0-9:.]+Z`, "TIME"},
		{`(?m)^(Date|Last-Modified): .*$`, "$1: TIME"},
		{`Etag: "\w+-\w+"`, `Etag: "FILE"`},
		{`X-Request-Id: [\w-]+`, "X-Request-Id: ID"},
		{`(?m)^Ratelimit: .*$`, "Ratelimit: LEFT"},
		{`password \w+`, "password SECRET"},
		{`KEY=\w+`, "KEY=KEY"},
		{`(?m)^Content-Length: .*$`, "Content-Length: N"}, // the times in the body have 0 to 3 decimals
		{`(?m)kept in .*$`, "kept in FILE"},
		{`\d+ routes`, "N routes"},
		{`\r`, ""},
	} {
		s = regexp.MustCompile(r[0]).ReplaceAllString(s, r[1])
	}
	if s = strings.TrimSpace(s); strings.HasPrefix(s, "HTTP/1.1 ") {
		head, body, _ := strings.Cut(s, "\n\n")
		lines := strings.Split(head, "\n")
		slices.Sort(lines[1:])
		s = strings.Join(lines, "\n") + "\n\n" + body
	}
	return strings.TrimSpace(s)
}

// perform runs a curl line by curl, or by net/http where there is no curl.
func perform(t *testing.T, p *program, line string) string {
	t.Helper()
	args, stdin := words(t, p, line)
	if _, err := exec.LookPath("curl"); err != nil {
		return likeCurl(t, args[1:], stdin)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "curl", append([]string{"--silent", "--show-error", "--noproxy", "*"}, args[1:]...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// Both ways of performing a line must read it alike.
func TestREADME_withoutCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("there is no curl to compare with: install it, as make test does")
	}
	defer http.DefaultClient.CloseIdleConnections()
	a, b := startProgram(t), startProgram(t)
	for _, line := range commands.FindAllStringSubmatch(a.said, -1) {
		with := normal(perform(t, a, line[1]))
		args, stdin := words(t, b, strings.ReplaceAll(line[1], a.base, b.base))
		without := normal(likeCurl(t, args[1:], stdin))
		if with != without {
			t.Errorf("%s\nby curl\n%s\nby net/http\n%s", line[1], with, without)
		}
	}
}

// words splits a command as a shell does, as far as the printed lines need it: curl, which
// may be given what printf prints, and the key of a program.
func words(t *testing.T, p *program, line string) (words []string, stdin string) {
	t.Helper()
	if m := regexp.MustCompile(`^printf '([^']*)' \| `).FindStringSubmatch(line); m != nil {
		stdin = strings.ReplaceAll(m[1], `\n`, "\n")
		line = line[len(m[0]):]
	}
	for _, m := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|([^\s'"]+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+strings.ReplaceAll(m[2], "$KEY", p.key)+m[3])
	}
	if len(words) < 2 || words[0] != "curl" {
		t.Fatalf("not a curl line: %q", line)
	}
	return words, stdin
}

// likeCurl performs curl's -i, -X, -H, -d, -r, -C, -F and --data-binary @- by net/http.
func likeCurl(t *testing.T, args []string, stdin string) string {
	t.Helper()
	method, target, body, include := "GET", "", "", false
	header := http.Header{}
	var form *multipart.Writer
	var parts bytes.Buffer
	for len(args) > 0 {
		option := args[0]
		args = args[1:]
		value := func() string { v := args[0]; args = args[1:]; return v }
		switch option {
		case "-i":
			include = true
		case "-X":
			method = value()
		case "-H":
			name, v, _ := strings.Cut(value(), ": ")
			header.Set(name, v)
		case "-r":
			header.Set("Range", "bytes="+value())
		case "-C":
			header.Set("Range", "bytes="+value()+"-")
		case "-d", "--data-binary":
			if body = value(); body == "@-" {
				body = stdin
			}
			if method == "GET" {
				method = "POST"
			}
		case "-F":
			if method = "POST"; form == nil {
				form = multipart.NewWriter(&parts)
			}
			field, rest, _ := strings.Cut(value(), "=")
			content, name, _ := strings.Cut(rest, ";filename=")
			w, _ := form.CreateFormFile(field, name) // a buffer takes everything
			_, _ = io.WriteString(w, content)
		default:
			target = option
		}
	}
	if form != nil {
		_ = form.Close()
		header.Set("Content-Type", form.FormDataContentType())
		body = parts.String()
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !include {
		return string(b)
	}
	out := res.Proto + " " + res.Status + "\n"
	for _, name := range slices.Sorted(maps.Keys(res.Header)) {
		out += name + ": " + res.Header.Get(name) + "\n"
	}
	return out + "\n" + string(b)
}
