module github.com/gogeist/geist/swagger/ui

go 1.26.0

require (
	github.com/gogeist/geist v0.0.0
	github.com/swaggest/swgui v1.8.5
)

require (
	github.com/goccy/go-json v0.12.0 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.74.0 // indirect
)

replace github.com/gogeist/geist => ../..
