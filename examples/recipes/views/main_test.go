package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist/geisttest"
)

func TestViews(t *testing.T) {
	client := geisttest.New(t, newApp(config(false), slices.Values([]string{"<done>"})))
	page := client.GET("/").Do().Status(200).HasHeader("Content-Type", "text/html; charset=utf-8").
		BodyContains("<title>Users</title>").BodyContains(`<a href="/users/2">Bob &lt;b&gt;</a>`).BodyContains(`<a href="/report">`)
	_, nonce, _ := strings.Cut(page.Header("Content-Security-Policy"), "'nonce-")
	nonce = strings.TrimSuffix(nonce, "'")
	if nonce == "" {
		t.Fatal("no nonce in the policy")
	}
	page.BodyContains(`<style nonce="` + nonce + `">`)

	rows := client.GET("/").Header("HX-Request", "true").Do().Status(200).Text()
	if strings.Contains(rows, "<ul") || strings.Count(rows, "<li>") != 2 {
		t.Errorf("rows = %s, want two and nothing around them", rows)
	}
	client.GET("/users/1").Do().Status(200).BodyContains("<title>Ada</title>").BodyContains("<h1>Ada</h1>")
	client.GET("/users/3").Do().Status(404)
	client.GET("/report").Do().Status(200).BodyContains("<li>&lt;done&gt;</li>").BodyContains("</html>")
}

// The head of the report comes before its first step is done.
func TestViews_streams(t *testing.T) {
	seen := make(chan struct{})
	steps := func(yield func(string) bool) {
		<-seen
		yield("done")
	}
	conn := geisttest.New(t, newApp(config(false), steps)).Dial()
	if _, err := io.WriteString(conn, "GET /report HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for b := make([]byte, 1024); !strings.Contains(got.String(), "</head>"); {
		n, err := conn.Read(b)
		got.Write(b[:n])
		if err != nil {
			t.Fatalf("no head in %q: %v", got.String(), err)
		}
	}
	close(seen)
	rest, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(rest), "<li>done</li>") {
		t.Errorf("rest = %q, %v", rest, err)
	}
}
