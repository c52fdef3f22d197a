package geist_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// An upload of any length takes a few KiB: the endpoint reads it as it comes.
func ExampleStreamBody() {
	app := geist.New()
	app.PUT("/blobs/:name", func(c *geist.Ctx) error {
		sum := sha256.New()
		n, err := io.Copy(sum, c.BodyReader())
		if err != nil {
			return err // 413 beyond the limit, 408 if the client stalls, 400 if it breaks off
		}
		return c.Text(200, fmt.Sprintf("%s: %d bytes, %x", c.Param("name"), n, sum.Sum(nil)[:4]))
	}).Doc(geist.StreamBody(), geist.BodyLimit(10<<30))
	exampleDo(app, func(c *geisttest.Client) {
		fmt.Println(c.PUT("/blobs/a").BodyReader(strings.NewReader(strings.Repeat("x", 1<<20))).Do().Text())
	})
	// Output:
	// a: 1048576 bytes, 8f990ba0
}

// Limits and time of one route, in place of those in Config.
func ExampleBodyLimit() {
	app := geist.New(geist.Config{MaxBodyBytes: 1 << 20})
	app.POST("/avatar", func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.BodyLimit(64<<10), geist.Timeout(5*time.Second))
	exampleDo(app, func(c *geisttest.Client) {
		fmt.Println(c.POST("/avatar").Body(make([]byte, 64<<10)).Do().Raw().Status)
		fmt.Println(c.POST("/avatar").Body(make([]byte, 64<<10+1)).Do().Raw().Status)
	})
	// Output:
	// 204 No Content
	// 413 Request Entity Too Large
}

// A form's files go to disk as they come, under names of the server's choice.
func ExampleEachPart() {
	dir, err := os.MkdirTemp("", "uploads")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	app := geist.New()
	app.POST("/albums/:id<int>/photos", func(c *geist.Ctx) error {
		n := 0
		err := geist.EachPart(c, func(p *geist.Part) error {
			if !p.IsFile() {
				return nil
			}
			n++
			size, err := p.SaveNew(filepath.Join(dir, fmt.Sprintf("%s-%d", c.Param("id"), n)))
			fmt.Println(p.Name(), p.FileName(), size)
			return err
		})
		if err != nil {
			return err
		}
		return c.JSON(201, geist.Map{"saved": n})
	}).Doc(geist.StreamBody(), geist.BodyLimit(1<<30))
	exampleDo(app, func(c *geisttest.Client) {
		resp := c.POST("/albums/7/photos").Multipart(func(w *multipart.Writer) error {
			for _, name := range []string{"a.jpg", "../../b.jpg"} {
				f, err := w.CreateFormFile("photo", name)
				if err != nil {
					return err
				}
				if _, err := io.WriteString(f, "JFIF"); err != nil {
					return err
				}
			}
			return nil
		}).Do()
		fmt.Println(resp.Text())
	})
	// Output:
	// photo a.jpg 4
	// photo b.jpg 4
	// {"saved":2}
}
