//go:build ignore

// Js prints what a server in Go gives its pages, for size.test.js and for who wants to know its size:
//
//	go run client/test/js.go | gzip -9 | wc -c
package main

import (
	"log"
	"os"

	"github.com/gogeist/geist/client"
)

func main() {
	if _, err := os.Stdout.Write(client.JS()); err != nil {
		log.Fatal(err)
	}
}
