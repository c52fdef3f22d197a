// Taskboard is geist's example service: tasks on SQLite, an API over them and a
// front page. Start it and it prints what to try:
//
//	go run ./taskboard
//	go run ./taskboard -addr 127.0.0.1:8081 -db tasks.db
//	go run ./taskboard -document openapi.yaml > openapi.yaml
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/examples/taskboard/page"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/swagger/ui"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "taskboard:", err)
		os.Exit(1)
	}
}

// run serves until Ctrl-C or SIGTERM and returns once nothing is left undone; or it writes a
// document and does not listen at all.
func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("taskboard", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	path := flags.String("db", "", "SQLite `file` to keep the tasks in (default: a new one in a temporary directory)")
	document := flags.String("document", "", "write the document of this `name`, openapi.json or asyncapi.yaml say, and do not listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path != "" && *document == "" {
		_, err := serve(*addr, *path)
		return err
	}
	dir, err := os.MkdirTemp("", "taskboard-")
	if err != nil {
		return err
	}
	if *document != "" {
		return errors.Join(describe(out, *document, filepath.Join(dir, "tasks.db")), os.RemoveAll(dir))
	}
	served, err := serve(*addr, filepath.Join(dir, "tasks.db"))
	if !served {
		err = errors.Join(err, os.RemoveAll(dir)) // nobody has had the chance to keep anything there
	}
	return err
}

// serve runs the service on a database and reports whether it came to serve at all.
func serve(addr, path string) (served bool, err error) {
	ctx := context.Background()
	store, err := board.Open(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // where Run never came to OnShutdown
	task, file, err := store.NextIDs(ctx)
	if err != nil {
		return false, err
	}
	app, err := newApp(ctx, store)
	if err != nil {
		return false, err
	}
	app.OnListen(func(a net.Addr) {
		served = true
		tour(os.Stdout, a, path, task, file)
	})
	if err := app.Run(addr); err != nil {
		return served, explain(err, addr)
	}
	fmt.Println("stopped; the tasks are in", path)
	return served, nil
}

// describe writes a document. It needs no database but an empty one: documents are made of
// the routes.
func describe(out io.Writer, document, path string) (err error) {
	ctx := context.Background()
	store, err := board.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	app, err := newApp(ctx, store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Shutdown(ctx)) }() // which ends the hub
	if err := app.Check(); err != nil {
		return err
	}
	text, err := swagger.Document(app, board.Documents(), document)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// newApp puts the service together.
func newApp(ctx context.Context, store *board.Store) (*geist.Engine, error) {
	live, err := board.NewHub(ctx, store)
	if err != nil {
		return nil, err
	}
	app := geist.New(board.Config())
	app.Use(board.RequestID(), board.AccessLog(slog.Default()))
	board.NewAPI(store, live).Register(app)
	board.RegisterHealth(app, store)
	docs := board.Documents()
	docs.Pages = ui.Pages // at /docs and /docs/realtime
	if err := swagger.Mount(app, docs); err != nil {
		return nil, err
	}
	// Runs after the last request has been answered: nothing writes any more.
	app.OnShutdown(func(context.Context) error { return store.Close() })
	app.OnShutdown(live.Shutdown) // before that: hooks run in reverse
	return app, page.Register(app)
}

// explain adds to an error of Run what to do about an address that cannot be used.
func explain(err error, addr string) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "listen" {
		return fmt.Errorf("cannot listen on %s: %w\n"+
			"Stop what listens there, or choose another address: -addr 127.0.0.1:0 takes a free port", addr, failed.Err)
	}
	return err
}

// tour prints what to try. Each line works as it is printed, in this order: task and
// file are the ids that the next ones will have. A test performs them.
func tour(w io.Writer, addr net.Addr, path string, task, file int64) {
	base := "http://" + addr.String()
	fmt.Fprintf(w, `tasks are kept in %[1]s

Open %[2]s/ in two browsers, or in a private window beside the first,
and see in one what you do in the other. Or try in another terminal:

  curl -i %[2]s/api/tasks -H 'Content-Type: application/json' -d '{"title":"Buy milk","owner":"ada","tags":["home"],"due":"2030-01-31"}'
  curl '%[2]s/api/tasks?status=todo&owner=ada&limit=10'
  curl -X PATCH %[2]s/api/tasks/%[3]d -H 'Content-Type: application/json' -d '{"status":"doing"}'
  curl -X PATCH %[2]s/api/tasks/%[3]d -H 'Content-Type: application/json' -H 'If-Match: "1"' -d '{"status":"done"}'
  curl %[2]s/api/tasks -H 'Content-Type: application/json' -d '{"title":"","status":"later"}'
  curl %[2]s/api/tasks/%[3]d/files -F 'file=Two litres, please.;filename=note.txt' -F 'file=Oats would do, too.;filename=or else.txt'
  curl -i -r 0-9 %[2]s/api/tasks/%[3]d/files/%[4]d
  curl -C 10 %[2]s/api/tasks/%[3]d/files/%[4]d
  printf '{"title":"Bread","tags":["home"]}\n{"title":"","tags":"home"}\n' | curl %[2]s/api/tasks/import -H 'Content-Type: application/x-ndjson' --data-binary @-
  printf '{"title":"Bread","tags":["home"]}\n{"title":"Rent"}\n' | curl %[2]s/api/tasks/import -H 'Content-Type: application/x-ndjson' --data-binary @-
  curl '%[2]s/api/tasks?tag=home' -H 'Accept: application/x-ndjson'
  curl -i -X DELETE %[2]s/api/tasks/%[3]d

Ctrl-C stops it and loses nothing.
`, path, base, task, file)
}
