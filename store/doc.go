// Package store keeps small values under keys, for a while: what sessions, rate limits,
// idempotency keys and caches stand on. A [Store] is the same whether its entries live in
// this process ([NewMemory]), in a directory (package store/file), in SQLite (store/sqlite)
// or on a server that many nodes share.
//
//	s := store.NewMemory(store.MemoryConfig{Evict: []string{"cache"}})
//	defer s.Close()
//
//	sessions := s.Scoped("sess")
//	item, err := sessions.Get(ctx, id)                       // store.ErrNotFound
//	item, err = sessions.CAS(ctx, id, item.Ver, val, ttl)    // store.ErrConflict: somebody was faster
//	d, err := store.Allow(ctx, s.Scoped("rl"), ip, store.Limit{Rate: 20, Period: time.Minute}, 1)
//
// # Atomic from the start
//
// Several requests of one client, on several nodes, meet in a store. Get followed by Set
// loses one of two updates; [Store.CAS], [Store.SetNX] and [Store.Incr] do not, and
// [Allow] lets exactly as many through as it should. Every back end passes the suite of
// package store/storetest, which holds that under contention.
//
// # Versions
//
// [Item].Ver changes whenever a value is written, and a key never has the same one twice,
// even if it is deleted and comes back. It says nothing else: not age, not order.
//
// # Scopes
//
// [Store.Scoped] is a view with keys of its own. No key, whoever chose it, reaches from
// one scope into another, into one within it or one around it. Only the store that was
// opened sees all keys, in the form that [Scope] describes: give it no keys that strangers choose.
//
// # When it fails
//
// A store says so; what then is for whoever uses it to decide, and to document: a rate
// limit usually lets requests pass, a session refuses them, a cache loads.
package store
