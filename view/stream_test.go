package view_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/view"
)

// streamed serves a page in parts: its head, and rows as they come.
func streamed(t *testing.T, log io.Writer, rows <-chan string) *geisttest.Client {
	t.Helper()
	views := view.New(view.Config{FS: files(map[string]string{
		"layout.html": `<head>{{urlfor "page"}}</head>{{flush}}{{template "content" .}}`,
		"page.html":   `{{range .}}<p>{{.}}</p>{{flush}}{{end}}`,
		"bad.html":    `{{.Nope}}`,
		"large.html":  `{{range .}}{{.}}{{end}}`,
	}), MaxBytes: 10})
	app := geist.New(geist.Config{Renderer: views, Logger: slog.New(slog.NewTextHandler(log, nil))})
	app.GET("/page", func(c *geist.Ctx) error { return views.Stream(c, 201, "page", rows) }).Name("page")
	app.GET("/none", func(c *geist.Ctx) error { return views.Stream(c, 201, "pag", rows) })
	app.GET("/bad", func(c *geist.Ctx) error { return views.Stream(c, 200, "bad", struct{}{}) })
	app.GET("/large", func(c *geist.Ctx) error {
		return views.Stream(c, 200, "large", view.Page{Layout: view.NoLayout, Data: []string{strings.Repeat("x", 9000)}})
	})
	return geisttest.New(t, app)
}

func TestSet_Stream(t *testing.T) {
	rows := make(chan string)
	conn := streamed(t, io.Discard, rows).Dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /page HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var got []byte
	await := func(text string) { // it would hang if the text waited for the rows
		t.Helper()
		for !bytes.Contains(got, []byte(text)) {
			b := make([]byte, 1024)
			n, err := conn.Read(b)
			if got = append(got, b[:n]...); err != nil {
				t.Fatalf("no %s in %q: %v", text, got, err)
			}
		}
	}
	await("<head>/page</head>")
	if head := string(got); !strings.HasPrefix(head, "HTTP/1.1 201 ") || !strings.Contains(head, "Content-Type: text/html; charset=utf-8\r\n") {
		t.Errorf("head = %q", head)
	}
	rows <- "<1>"
	await("<p>&lt;1&gt;</p>")
	close(rows)
	await("0\r\n\r\n")
}

func TestSet_Stream_fails(t *testing.T) {
	var log bytes.Buffer
	client := streamed(t, &log, nil)
	client.GET("/none").Do().Status(500)
	client.HEAD("/bad").Do().Status(200).HasHeader("Content-Type", "text/html; charset=utf-8")
	if got := client.GET("/large").Do().Status(200).Text(); len(got) != 9000 {
		t.Errorf("a streamed page has %d bytes, want 9000", len(got))
	}
	log.Reset()
	if resp, err := client.GET("/bad").DoErr(); err == nil {
		t.Errorf("an answer that broke off is complete: %q", resp.Text())
	}
	if !strings.Contains(log.String(), "bad.html:1: ") {
		t.Errorf("log = %q, want the place", log.String())
	}
}
