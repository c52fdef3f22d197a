package geist_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/gogeist/geist"
)

// table is what the codec below writes.
type table [][]string

// tableCodec writes tables as CSV. For other values it says so, and reads nothing.
type tableCodec struct{}

func (tableCodec) Encode(w io.Writer, v any) error {
	rows, ok := v.(table)
	if !ok {
		return errors.ErrUnsupported
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func (tableCodec) Decode([]byte, any) error { return errors.ErrUnsupported }

// The client's Accept header chooses the form; a codec adds one.
func ExampleCtx_Negotiate() {
	app := geist.New(geist.Config{Codecs: map[string]geist.Codec{"text/csv": tableCodec{}}})
	app.GET("/cities", func(c *geist.Ctx) error {
		return c.Negotiate(200, table{{"Ulm", "Bern"}})
	})
	app.GET("/motto", func(c *geist.Ctx) error { return c.Negotiate(200, "<less is more>") })
	send(app, "GET", "/cities", "")
	send(app, "GET", "/cities", "", "Accept", "text/csv, application/json;q=0.5")
	send(app, "GET", "/motto", "", "Accept", "text/html, */*;q=0.1")
	send(app, "GET", "/motto", "", "Accept", "image/png")
	// Output:
	// 200 [["Ulm","Bern"]]
	// 200 Ulm,Bern
	//
	// 200 &lt;less is more&gt;
	// 406 {"title":"Not Acceptable","status":406,"detail":"the answer is not available in a type that Accept allows","available":["application/json","application/xml","text/plain","text/html","text/csv","text/xml"]}
}

func ExampleCtx_XML() {
	type city struct {
		XMLName xml.Name `xml:"city"`
		Name    string   `xml:"name"`
	}
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.XML(200, &city{Name: "Ulm"}) })
	send(app, "GET", "/", "")
	// Output:
	// 200 <?xml version="1.0" encoding="UTF-8"?>
	// <city><name>Ulm</name></city>
}

// The client loads the style sheet while the page is made.
func ExampleCtx_EarlyHints() {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		if err := c.EarlyHints("</style.css>; rel=preload; as=style"); err != nil {
			return err
		}
		return c.HTML(200, "<!doctype html>…")
	})
}

// An upload is kept under a name of the server's own.
func ExampleCtx_SaveFile() {
	app := geist.New()
	app.POST("/users/:id<int>/photo", func(c *geist.Ctx) error {
		photo, err := c.FormFile("photo")
		if err != nil {
			return err
		}
		return c.SaveFile(photo, fmt.Sprintf("/var/lib/photos/%s.new", c.Param("id")))
	})
}
