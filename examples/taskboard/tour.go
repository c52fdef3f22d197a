package main

import (
	"fmt"
	"io"
	"net"
)

// tour prints what to try. Each line works as it is printed, in this order: task and
// file are the ids that the next ones will have. A test performs them.
func tour(w io.Writer, addr net.Addr, path string, newcomers []newcomer, task, file int64) {
	base := "http://" + addr.String()
	fmt.Fprintf(w, "tasks are kept in %s\n\n", path)
	key := "…" // somebody's; only hashes are kept
	for _, p := range newcomers {
		fmt.Fprintf(w, "  %-8s %-8s password %s\n", p.Name, p.Role, p.password)
		if p.key != "" {
			key = p.key
		}
	}
	if len(newcomers) == 0 {
		fmt.Fprintln(w, "Sign in as somebody whom this board knows; the key, too, is one of theirs.")
	}
	fmt.Fprintf(w, `
Open %[1]s/ in two browsers, or in a private window beside the first, as two of them,
and see in one what you do in the other. Or try in another terminal, with a key:

  KEY=%[4]s
  curl -i %[1]s/api/tasks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{"title":"Buy milk","owner":"ada","tags":["home"],"due":"2030-01-31"}'
  curl '%[1]s/api/tasks?status=todo&owner=ada&limit=10'
  curl -X PATCH %[1]s/api/tasks/%[2]d -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{"status":"doing"}'
  curl -X PATCH %[1]s/api/tasks/%[2]d -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'If-Match: "1"' -d '{"status":"done"}'
  curl %[1]s/api/tasks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{"title":"","status":"later"}'
  curl %[1]s/api/tasks -H 'Content-Type: application/json' -d '{"title":"Who am I?"}'
  curl %[1]s/api/tasks/%[2]d/files -H "Authorization: Bearer $KEY" -F 'file=Two litres, please.;filename=note.txt' -F 'file=Oats would do, too.;filename=or else.txt'
  curl -i -r 0-9 %[1]s/api/tasks/%[2]d/files/%[3]d
  curl -C 10 %[1]s/api/tasks/%[2]d/files/%[3]d
  printf '{"title":"Bread","tags":["home"]}\n{"title":"","tags":"home"}\n' | curl %[1]s/api/tasks/import -H "Authorization: Bearer $KEY" -H 'Content-Type: application/x-ndjson' --data-binary @-
  printf '{"title":"Bread","tags":["home"]}\n{"title":"Rent"}\n' | curl %[1]s/api/tasks/import -H "Authorization: Bearer $KEY" -H 'Content-Type: application/x-ndjson' --data-binary @-
  curl '%[1]s/api/tasks?tag=home' -H 'Accept: application/x-ndjson'
  curl -i -X DELETE %[1]s/api/tasks/%[2]d -H "Authorization: Bearer $KEY"
  curl %[1]s/readyz

Ctrl-C stops it and loses nothing.
`, base, task, file, key)
}
