module github.com/gogeist/geist/middleware/jwt

go 1.26.0

require (
	github.com/MicahParks/jwkset v0.11.3
	github.com/MicahParks/keyfunc/v3 v3.9.0
	github.com/gogeist/geist v0.0.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/valyala/fasthttp v1.74.0
)

require (
	github.com/goccy/go-json v0.12.0 // indirect
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace github.com/gogeist/geist => ../..
