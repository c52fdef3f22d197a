package etag

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCVE_2024_55885_collidingBodies: bodies that share a weak hash have tags of their own.
// A client that can choose a part of a body could otherwise keep others from seeing that
// it has changed.
func TestCVE_2024_55885_collidingBodies(t *testing.T) {
	app := geist.New()
	app.Use(New())
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Query("q")) })
	c := geisttest.New(t, app)
	// Each pair has one CRC-32 and one length.
	for _, pair := range [][2]string{{"plumless", "buckeroo"}} {
		first := c.GET("/").Query("q", pair[0]).Do().Status(200).Header("Etag")
		c.GET("/").Query("q", pair[1]).Header("If-None-Match", first).Do().Status(200).BodyIs(pair[1])
	}
}

// TestCVE_2026_30246_perQuery: the tag is of the body that was made for this request, not
// of its address.
func TestCVE_2026_30246_perQuery(t *testing.T) {
	app := geist.New()
	app.Use(New())
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello "+c.Query("who")+c.Header("Authorization")) })
	c := geisttest.New(t, app)
	tag := c.GET("/?who=a").Do().Header("Etag")
	c.GET("/?who=b").Header("If-None-Match", tag).Do().Status(200).BodyIs("hello b")
	c.GET("/?who=a").Header("If-None-Match", tag).Header("Authorization", "x").Do().Status(200).BodyIs("hello ax")
	c.GET("/?who=a").Header("If-None-Match", tag).Do().Status(304)
}

// TestCVE_2025_47908_longField: a long list of tags costs one pass, and no 500.
func TestCVE_2025_47908_longField(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for _, list := range []string{strings.Repeat(",", 15<<10), strings.Repeat(`"a",`, 3<<10), strings.Repeat(`"`, 15<<10), strings.Repeat("W/", 7<<10)} {
		c.GET("/text").Header("If-None-Match", list).Do().Status(200)
	}
	c.GET("/text").Header("If-None-Match", strings.Repeat(`"a",`, 3<<10)+helloTag).Do().Status(304)
}

// TestFiber2837_streams: a stream is neither read to its end for a tag nor held back.
func TestFiber2837_streams(t *testing.T) {
	release := make(chan struct{})
	app := geist.New()
	app.Use(New())
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, _ = w.Write([]byte("first"))
			if err := w.Flush(); err != nil {
				return err
			}
			<-release
			_, err := w.Write([]byte("second"))
			return err
		})
	})
	conn := geisttest.New(t, app).Dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	buf := make([]byte, 512)
	for !strings.Contains(got.String(), "first") {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(buf[:n])
	}
	close(release)
	for !strings.Contains(got.String(), "second") {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(buf[:n])
	}
	if strings.Contains(got.String(), "Etag") {
		t.Error("the stream has a tag")
	}
}
