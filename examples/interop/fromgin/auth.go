package main

import (
	"context"
	"net/http"
	"strings"
)

// user is who asks.
type user struct{ Name string }

type userKey struct{}

// authenticate is middleware of net/http: it stands before both halves, whoever is in
// front, and leaves the user in the request's context. A real one checks a token here.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || name == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, &user{Name: name})))
	})
}

// userFrom returns the user of a request's context: of c.Context() in geist and of
// c.Request.Context() in Gin.
func userFrom(ctx context.Context) *user {
	u, _ := ctx.Value(userKey{}).(*user)
	return u
}
