// Package middleware shows that middleware written for net/http works inside geist, by
// geist.FromHTTPMiddleware: chi's, rs/cors and gorilla/handlers. It has tests only.
package middleware
