package peers

import (
	"io"
	"net/http"

	"github.com/gin-contrib/cors"
	"github.com/gin-contrib/requestid"
	"github.com/gin-contrib/secure"
	limits "github.com/gin-contrib/size"
	"github.com/gin-contrib/timeout"
	"github.com/gin-gonic/gin"
)

// ginStack leaves out what neither Gin nor its contributed modules have.
func ginStack(names []string) App {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	if err := e.SetTrustedProxies(nil); err != nil {
		panic(err)
	}
	for _, name := range names {
		if name != "ratelimit" && name != "etag" {
			e.Use(ginMiddleware(name))
		}
	}
	hello := func(c *gin.Context) { c.String(200, Body) }
	e.GET("/hello", hello)
	e.POST("/hello", func(c *gin.Context) {
		if _, err := io.Copy(io.Discard, c.Request.Body); err == nil {
			hello(c)
		}
	})
	e.GET("/panic", func(*gin.Context) { panic("a probe") })
	return App{HTTP: e}
}

func ginMiddleware(name string) gin.HandlerFunc {
	switch name {
	case "recovery":
		return gin.RecoveryWithWriter(io.Discard)
	case "requestid":
		return requestid.New()
	case "clientip":
		return func(c *gin.Context) {
			if c.ClientIP() == "" {
				c.AbortWithStatus(http.StatusForbidden)
			}
		}
	case "logger":
		return gin.LoggerWithConfig(gin.LoggerConfig{Skip: func(*gin.Context) bool { return true }, Output: io.Discard})
	case "cors":
		return cors.New(cors.Config{AllowOrigins: []string{stackOrigin, stackOrigin2}, AllowMethods: []string{"GET", "POST"}})
	case "secure":
		return secure.New(secure.Config{ContentTypeNosniff: true, CustomFrameOptionsValue: "SAMEORIGIN", ReferrerPolicy: "strict-origin-when-cross-origin"})
	case "timeout":
		return timeout.New(timeout.WithTimeout(stackTimeout))
	case "bodylimit":
		return limits.RequestSizeLimiter(stackBytes)
	case "basicauth":
		return gin.BasicAuth(gin.Accounts{stackUser: stackSecret})
	}
	panic("peers: Gin has no middleware " + name)
}
