package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// workers is how many make requests at a time, and listeners how many streams there are.
const (
	workers   = 6
	listeners = 40
)

// makeLoad sends requests to the service at addr until ctx ends.
func makeLoad(ctx context.Context, addr string) {
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: workers + listeners},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	base := "http://" + addr
	var all sync.WaitGroup
	for i := range listeners {
		all.Go(func() { send(ctx, client, "GET", base+"/rooms/"+roomOf(i)) }) // until the stream ends
	}
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				method, path := someRequest()
				send(ctx, client, method, base+path)
				// Waves, so that there is something to see.
				wave := time.Now().UnixMilli() % 40_000
				time.Sleep(time.Duration(rand.IntN(6)) * time.Millisecond * time.Duration(1+wave/12_000))
			}
		})
	}
	all.Wait()
}

// roomOf returns the room of a listener: some are larger than others.
func roomOf(i int) string {
	return [...]string{"trades", "trades", "trades", "news", "news", "gold", "oil", "wheat"}[i%8]
}

func someRequest() (method, path string) {
	switch n := rand.IntN(100); {
	case n < 60:
		return "GET", fmt.Sprintf("/api/quotes/S%d", rand.IntN(500))
	case n < 75:
		return "GET", "/api/search?q=gold"
	case n < 87:
		return "POST", "/api/orders"
	case n < 92:
		return "POST", "/rooms/" + roomOf(rand.IntN(8))
	case n < 95:
		return "GET", "/api/old"
	default:
		return "GET", "/no/such/page"
	}
}

// send sends a request and reads what is answered. That it fails is part of the game: the
// service is stopped, or a stream ends.
func send(ctx context.Context, client *http.Client, method, url string) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader("1"))
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}
