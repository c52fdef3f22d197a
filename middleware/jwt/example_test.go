package jwt_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/jwt"
)

func Example() {
	secret := []byte("0123456789abcdef0123456789abcdef") // from the environment
	conf := jwt.Config{
		Keys:     jwt.Key(secret),
		Issuer:   "https://id.example.com/",
		Audience: []string{"https://api.example.com"},
	}
	app := geist.New()
	app.Use(jwt.New(conf))
	app.DELETE("/users/:id", jwt.Scope("users:write"), func(c *geist.Ctx) error {
		token, _ := jwt.From(c)
		claims, err := jwt.Claims[struct {
			Org string `json:"org"`
		}](c)
		if err != nil {
			return err
		}
		return c.Text(200, token.Subject+" of "+claims.Org+" removes "+c.Param("id"))
	}).Doc(geist.Security(conf.Scheme(), "users:write"))

	for _, scope := range []string{"users:read", "users:read users:write"} {
		token, err := gojwt.NewWithClaims(gojwt.SigningMethodHS256, gojwt.MapClaims{
			"iss": "https://id.example.com/", "aud": "https://api.example.com", "exp": time.Now().Add(time.Minute).Unix(),
			"sub": "ada", "org": "acme", "scope": scope,
		}).SignedString(secret)
		if err != nil {
			fmt.Println(err)
			return
		}
		request := httptest.NewRequest("DELETE", "/users/7", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		app.HTTPHandler().ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// 403 {"title":"Forbidden","status":403,"detail":"the token does not allow this"}
	// 200 ada of acme removes 7
}

// The keys of an issuer that rotates them, and a WebSocket that ends with its token.
func ExampleNewJWKS() {
	keys := jwt.NewJWKS(jwt.JWKSConfig{URLs: []string{"https://id.example.com/.well-known/jwks.json"}})
	app := geist.New()
	app.OnShutdown(func(context.Context) error { return keys.Close() })
	app.Use(jwt.New(jwt.Config{
		Keys:     keys,
		Issuer:   "https://id.example.com/",
		Audience: []string{"https://api.example.com"},
		Sources:  []jwt.Source{jwt.Bearer(), jwt.Cookie("__Host-token")},
	}))
	app.WS("/chat", func(c *geist.Ctx, ws *geist.Conn) error {
		jwt.CloseAtExpiry(c, ws)
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			if err := ws.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
	})
}
