module github.com/gogeist/geist/client/go/servertest

go 1.26.0

replace (
	github.com/gogeist/geist => ../../../
	github.com/gogeist/geist/client/go => ../
)

require (
	github.com/gogeist/geist v0.0.0
	github.com/gogeist/geist/client/go v0.0.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/goccy/go-json v0.12.0 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.74.0 // indirect
)
