// Package session keeps what a client has said and done from request to request: behind a
// cookie that says nothing, in a [store.Store].
//
//	var cart = session.NewKey[[]string]("cart")
//
//	app.Use(session.New(session.Config{Store: s}))
//	app.POST("/cart/:item", func(c *geist.Ctx) error {
//		s, err := session.From(c)
//		if err != nil {
//			return err
//		}
//		return cart.Update(s, func(old []string) []string { return append(old, c.Param("item")) })
//	})
//
// # What a session costs
//
// Requests that do not call [From] cost nothing, not even a look into the store. From reads
// the session; what was changed is written once, behind c.Next, whatever the request is
// answered with. A session in which nothing was ever put is not stored, and its client gets no cookie.
//
// # No update is lost
//
// Two requests of one session may run at once, on two nodes too. What a request does is
// written by compare-and-swap; if another one was faster, it is done again on what that one has left.
// So changes of different keys all hold. Of two that Set one key the last one wins; [Key.Update]
// runs again, and loses nothing. (Requests without a session that run at once begin one each.)
//
// A session that has ended meanwhile, since another request has called [Session.Destroy] or
// [Session.Regenerate], stays so: the request that wanted to change it is answered 409. If the
// store fails the answer is 503, in place of the handler's: a session is never taken for empty because it
// could not be read, nor is a change dropped without a word.
//
// # The cookie
//
// It holds 256 random bits; the store knows their SHA-256 alone, so that who reads the store
// cannot take a session over. Identifiers that clients make up are never adopted. The name is
// "__Host-sid" over https, else "sid", with HttpOnly, SameSite=Lax and, over https, Secure.
// A request that has several cookies of the name is believed none: one of them is
// somebody else's. Sessions in a URL are not to be had: URLs are logged and passed on.
//
// Answers of requests that have used a session say Vary: Cookie, and Cache-Control: private if
// they say nothing themselves; those that set the cookie are no-store, so that no cache hands it to another client.
//
// # Login and logout
//
// Call [Session.Regenerate] where a client becomes somebody: an identifier that was planted
// before is of no use then. [Session.Bind] says who it is, and [Config.Revoke] ends all sessions
// of a user, wherever they are. [Session.Destroy] ends one.
//
// # WebSockets and streams
//
// The session is read in the chain, and saved when the chain has run: before the 101 of a
// WebSocket, before the first byte of a stream ([geist.Ctx.Stream], [geist.Stream] by Run or
// Follow). Later, in a loop or a stream's function, a session can still be read and changed as long
// as the Ctx lives; what is changed is kept by [Session.Save] alone. A session that was not there
// before cannot begin, or regenerate, then: its cookie would have nowhere to go. An open
// connection is not closed when its session ends; a Save that has something to write says so, by [ErrEnded].
//
// Code behind c.Next of outer middleware is behind the save, too. Handlers of net/http
// ([geist.FromHTTP]) have no Ctx, and so no session. 404, 405 and redirects are as every other answer.
package session
