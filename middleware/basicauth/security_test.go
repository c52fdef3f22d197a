package basicauth

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gogeist/geist/geisttest"
)

// counted returns a guard whose hashes are counted, by their cost.
func counted(users map[string]string) (*guard, map[int]int) {
	g := newGuard([]Config{{Users: users, CacheFor: -1, MaxHashing: 1}})
	costs := map[int]int{}
	g.passwords.derive = func(h passwordHash, password string) []byte { // by one goroutine: MaxHashing is 1
		costs[h.iterations]++
		if password == "secret" {
			return h.sum
		}
		return make([]byte, len(h.sum))
	}
	return g, costs
}

// A name that nobody has costs one hash, as a wrong password does.
func TestCVE_2026_44332_unknownUserCostsAsMuch(t *testing.T) {
	g, costs := counted(map[string]string{"ada": sleepy})
	client := geisttest.New(t, guarded(g.handle))
	for i, tt := range []struct {
		credentials string
		status      int
	}{{"ada:wrong", 401}, {"bob:wrong", 401}, {"bob:secret", 401}, {":", 401}, {"ada:secret", 200}} {
		client.GET("/").Header("Authorization", basic(tt.credentials)).Do().Status(tt.status)
		if got := costs[100_000]; got != i+1 {
			t.Errorf("after %s: %d hashes, want %d", tt.credentials, got, i+1)
		}
	}
}

// Of hashes of different cost, a name that nobody has always meets the same one, as a name
// does that somebody has.
func TestCVE_2026_32595_decoyIsTheSameForAName(t *testing.T) {
	costly := strings.Replace(sleepy, "100000", "200000", 1)
	g, costs := counted(map[string]string{"ada": sleepy, "bob": costly})
	client := geisttest.New(t, guarded(g.handle))
	for _, name := range []string{"cy", "dan", "eve", "fay", "gus", "hal", "ida", "jo", "kim", "lea", "mo", "ned", "ola", "pia"} {
		clear(costs)
		for range 3 {
			client.GET("/").Header("Authorization", basic(name+":x")).Do().Status(401)
		}
		if costs[100_000] != 3 && costs[200_000] != 3 {
			t.Errorf("%s: %v hashes by cost, want 3 of one cost", name, costs)
		}
	}
}

// A known name and one that nobody has get the same answer, to the byte.
func TestCVE_2026_41263_answersAreAlike(t *testing.T) {
	g, _ := counted(map[string]string{"ada": sleepy})
	client := geisttest.New(t, guarded(g.handle))
	answer := func(credentials string) string {
		r := client.GET("/").Header("Authorization", basic(credentials)).Do().Status(401)
		return r.Text() + r.Header("WWW-Authenticate") + r.Header("Content-Length")
	}
	if known, unknown := answer("ada:x"), answer("bob:x"); known != unknown {
		t.Errorf("the answers differ:\n%s\n%s", known, unknown)
	}
}

// The password of a decoy lets nobody in, whatever the name.
func TestNew_decoyIsNoUser(t *testing.T) {
	var asked atomic.Int64
	g, _ := counted(map[string]string{"ada": sleepy})
	derive := g.passwords.derive
	g.passwords.derive = func(h passwordHash, password string) []byte {
		asked.Add(1)
		return derive(h, password)
	}
	client := geisttest.New(t, guarded(g.handle))
	client.GET("/").Header("Authorization", basic("mallory:secret")).Do().Status(401)
	if asked.Load() != 1 {
		t.Errorf("hashed %d times, want once", asked.Load())
	}
}
