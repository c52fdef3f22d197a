module github.com/gogeist/geist

go 1.26.0

require (
	github.com/fasthttp/websocket v1.5.12
	github.com/goccy/go-json v0.12.0
	github.com/valyala/fasthttp v1.74.0
)
