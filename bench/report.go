package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/render"
	"github.com/gogeist/geist/bench/result"
)

// report writes reports of one or more files of results.
func report(_ context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("report", flag.ContinueOnError)
	page := fs.String("html", "", "write the page to this `file`")
	text := fs.String("md", "", "write Markdown to this `file`")
	data := fs.String("json", "", "write verdicts and comparisons to this `file`")
	images := fs.String("images", "", "write the charts of the README to this `directory`")
	rest, helped, err := parse(c, fs, args, "results.json…")
	if err != nil || helped {
		return err
	}
	run, err := merged(rest)
	if err != nil {
		return err
	}
	files := map[string]string{"html": *page, "md": *text, "json": *data}
	if *page+*text+*data+*images == "" {
		files["html"] = strings.TrimSuffix(rest[0], ".json") + ".html"
		fmt.Fprintln(c.log, files["html"])
	}
	if err := writeReports(run, files); err != nil || *images == "" {
		return err
	}
	return writeImages(c, run, *images)
}

// merged reads files and makes one run of them, whose scenes are in the order of the
// catalogue.
func merged(files []string) (*result.Run, error) {
	r, err := result.ReadAll(files...)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	for i, s := range catalogue() {
		place[s.Name] = i + 1
	}
	last := len(place) + 1 // of scenes that are none of the catalogue any longer
	slices.SortStableFunc(r.Scenes, func(a, b *result.Scene) int {
		return cmp.Compare(cmp.Or(place[a.Name], last), cmp.Or(place[b.Name], last))
	})
	return r, nil
}

// writeReports writes the reports of a run to files, by their kind. Kinds without a file are
// left out.
func writeReports(run *result.Run, files map[string]string) error {
	for _, kind := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"html", func(w io.Writer) error { return render.Page(w, run) }},
		{"md", func(w io.Writer) error { render.Markdown(w, run); return nil }},
		{"json", func(w io.Writer) error { return render.JSON(w, run) }},
	} {
		file := files[kind.name]
		if file == "" {
			continue
		}
		var b bytes.Buffer
		if err := kind.write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeImages(c console, run *result.Run, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, img := range render.Images() {
		var b bytes.Buffer
		drawn, err := img.Draw(&b, run)
		if err != nil {
			return err
		}
		if !drawn {
			fmt.Fprintf(c.log, "%s is not drawn: the run has no figures of %s\n", img.File, img.Scene)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, img.File), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// diff compares two runs.
func diff(_ context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("diff", flag.ContinueOnError)
	fail := fs.Bool("fail-on-regress", false, "end with exit code 1 if a row of geist got worse")
	everything := fs.Bool("all", false, "also write the rows that have not changed")
	rest, helped, err := parse(c, fs, args, "old.json[,more.json]", "new.json[,more.json]")
	if err != nil || helped {
		return err
	}
	old, err := merged(strings.Split(rest[0], ","))
	if err != nil {
		return err
	}
	now, err := merged(strings.Split(rest[1], ","))
	if err != nil {
		return err
	}
	d := result.Diff(old, now)
	if len(d.Changes) == 0 {
		return errors.New("the runs have no row in common")
	}
	render.Difference(c.out, d, *everything)
	if n := len(d.Regressions()); *fail && n > 0 {
		return fmt.Errorf("%d rows of geist got worse", n)
	}
	return nil
}
