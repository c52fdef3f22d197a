package archtest

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// hosts and machines are written in two halves, for this file is checked too.
var (
	hosts = []string{
		"proxy.go" + "lang.org", "sum.go" + "lang.org", "goproxy" + ".", "registry.npm" + "js.org", "registry.yarn" + "pkg.com",
		"deb.deb" + "ian.org", "archive.ubu" + "ntu.com", "dl-cdn.alpine" + "linux.org", "files.python" + "hosted.org",
	}
	machines = []string{
		"/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/fa" + "rm/", "/tmp/ba" + "sh_jobs", `C:\Us` + `ers\`,
	}
)

// checkWords keeps the hosts of registries and the paths of one machine out: neither
// means anything to whoever builds the repository elsewhere.
func checkWords(r *repo) []string {
	var problems []string
	for _, f := range r.texts {
		if path.Ext(f.name) == ".sum" {
			continue // hashes may spell anything
		}
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			for _, word := range hosts {
				if strings.Contains(line, word) {
					problems = append(problems, fmt.Sprintf("%s:%d: names the registry host %s", f.name, number, word))
				}
			}
			for _, word := range machines {
				if strings.Contains(line, word) {
					problems = append(problems, fmt.Sprintf("%s:%d: holds %s, which looks like one machine's path", f.name, number, word))
				}
			}
		}
	}
	return problems
}

func TestWords_samples(t *testing.T) {
	tryRule(t, "words", []sample{
		{"none", map[string]string{"README.md": "make test works anywhere, from the network or not: see /usr/bin\n", "go.sum": "h1:" + machines[0] + "\n"}, nil},
		{"a host", map[string]string{"Makefile": "test:\n\texport GOPROXY=https://" + hosts[0] + "\n"}, []string{"Makefile:2: names the registry host " + hosts[0]}},
		{"a path", map[string]string{".ci/run": "cd " + machines[0] + "geist\n"}, []string{".ci/run:1: holds " + machines[0]}},
		{"in code", map[string]string{"hub/a.go": "package hub\n\nconst dir = \"" + machines[1] + "me\"\n"}, []string{"hub/a.go:3"}},
		{"a binary file", map[string]string{"logo.png": "\x89PNG\x00" + machines[0]}, nil},
	})
}
