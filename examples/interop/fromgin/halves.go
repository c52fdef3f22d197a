package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gogeist/geist"
)

// tick waits for the next line of a stream.
type tick func(ctx context.Context) error

// remaining adds the routes that are still Gin's.
func remaining(r *gin.Engine, wait tick) *gin.Engine {
	r.GET("/old/:id", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"id": c.Param("id"), "user": userFrom(c.Request.Context()).Name, "by": "gin"})
	})
	r.POST("/new/:id", func(c *gin.Context) { // only its GET has moved
		body, err := c.GetRawData()
		if err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		c.String(http.StatusOK, "gin has %s from %s", body, userFrom(c.Request.Context()).Name)
	})
	r.GET("/old/ticks", func(c *gin.Context) {
		c.Header("Content-Type", "text/plain; charset=utf-8")
		for i := range 3 {
			fmt.Fprintf(c.Writer, "tick %d\n", i)
			c.Writer.Flush()
			if wait(c.Request.Context()) != nil {
				return // the client has gone
			}
		}
	})
	return r
}

// moved adds the routes that are geist's already.
func moved(app *geist.Engine, wait tick) {
	app.GET("/new/:id", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"id": c.Param("id"), "user": userFrom(c.Context()).Name, "by": "geist"})
	})
	app.GET("/new/ticks", func(c *geist.Ctx) error {
		return c.Stream("text/plain; charset=utf-8", func(w *geist.StreamWriter) error {
			for i := range 3 {
				if _, err := fmt.Fprintf(w, "tick %d\n", i); err != nil {
					return err
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if err := wait(c.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
