// Taskboard is geist's example service: tasks on SQLite, an API over them and a
// front page. Start it and it prints what to try:
//
//	go run ./taskboard
//	go run ./taskboard -addr 127.0.0.1:8081 -db tasks.db -people people.txt
//	go run ./taskboard -document openapi.yaml > openapi.yaml
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/swagger"
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
	people := flags.String("people", "", "`file` of people to add, lines of name:role:password or name:role:password:key; the roles are viewer, member and admin")
	proxy := flags.String("proxy", "", "`addresses` of the proxy in front, whose X-Real-IP is believed, 10.0.0.0/8 say")
	rate := flags.Int("rate", 50, "`requests` a second that the API takes of one client; 0 and less are no bound")
	document := flags.String("document", "", "write the document of this `name`, openapi.json or asyncapi.yaml say, and do not listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := netip.ParsePrefix(*proxy); *proxy != "" && err != nil {
		return fmt.Errorf("-proxy: %w", err)
	}
	s := settings{path: *path, proxy: *proxy, rate: *rate}
	if *path != "" && *document == "" {
		_, err := serve(*addr, *people, s)
		return err
	}
	dir, err := os.MkdirTemp("", "taskboard-")
	if err != nil {
		return err
	}
	s.path = filepath.Join(dir, "tasks.db")
	if *document != "" {
		return errors.Join(describe(out, *document, s), os.RemoveAll(dir))
	}
	served, err := serve(*addr, *people, s)
	if !served {
		err = errors.Join(err, os.RemoveAll(dir)) // nobody has had the chance to keep anything there
	}
	return err
}

// serve runs the service on a database and reports whether it came to serve at all.
func serve(addr, people string, s settings) (served bool, err error) {
	ctx := context.Background()
	store, err := board.Open(ctx, s.path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }() // where Run never came to OnShutdown
	task, file, err := store.NextIDs(ctx)
	if err != nil {
		return false, err
	}
	newcomers, err := addPeople(ctx, store, people)
	if err != nil {
		return false, err
	}
	app, err := newApp(ctx, store, s)
	if err != nil {
		return false, err
	}
	app.OnListen(func(a net.Addr) {
		served = true
		tour(os.Stdout, a, s.path, newcomers, task, file)
	})
	if err := app.Run(addr); err != nil {
		return served, explain(err, addr)
	}
	fmt.Println("stopped; the tasks are in", s.path)
	return served, nil
}

// describe writes a document. It needs no database but an empty one: documents are made of
// the routes.
func describe(out io.Writer, document string, s settings) (err error) {
	ctx := context.Background()
	store, err := board.Open(ctx, s.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	app, err := newApp(ctx, store, s)
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

// explain adds to an error of Run what to do about an address that cannot be used.
func explain(err error, addr string) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "listen" {
		return fmt.Errorf("cannot listen on %s: %w\n"+
			"Stop what listens there, or choose another address: -addr 127.0.0.1:0 takes a free port", addr, failed.Err)
	}
	return err
}
