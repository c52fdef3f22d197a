package session_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
)

func TestSession_timeouts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		conf  session.Config
		every time.Duration // between requests
		dies  int           // which request finds nothing
	}{
		{"idle", session.Config{Idle: time.Hour}, 61 * time.Minute, 1},
		{"touched", session.Config{Idle: time.Hour, Absolute: 3 * time.Hour}, 50 * time.Minute, 4},
		{"touched seldom", session.Config{Idle: time.Hour, Absolute: -1}, 50 * time.Minute, -1},
		{"absolute alone", session.Config{Idle: -1, Absolute: 2 * time.Hour}, 50 * time.Minute, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := geisttest.New(t, service(tt.conf))
				id := sid(t, client.POST("/name/ada").Do())
				for i := 1; i < 6; i++ {
					time.Sleep(tt.every)
					want := "ada"
					if i >= tt.dies && tt.dies > 0 {
						want = "nobody"
					}
					client.GET("/name").Cookie("sid", id).Do().BodyIs(want)
				}
			})
		})
	}
}

func TestSession_touchedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(memory(t))
		client := geisttest.New(t, service(session.Config{Store: f, Idle: 80 * time.Second}))
		id := sid(t, client.POST("/name/ada").Do())
		f.set("")
		for range 33 {
			time.Sleep(time.Second)
			client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
		}
		if got := strings.Count(f.did(), "Touch"); got != 3 {
			t.Errorf("touched %d times in 33 seconds, want 3: each 11th", got)
		}
	})
}

func TestSession_regenerateBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := geisttest.New(t, service(session.Config{Idle: -1, Absolute: time.Hour}))
		id := sid(t, client.POST("/name/ada").Do())
		time.Sleep(50 * time.Minute)
		id = sid(t, client.POST("/login/ada").Cookie("sid", id).Do())
		time.Sleep(50 * time.Minute)
		client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
		time.Sleep(11 * time.Minute)
		client.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
	})
}

func TestSession_touchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(memory(t))
		client := geisttest.New(t, service(session.Config{Store: f, Idle: time.Minute}))
		id := sid(t, client.POST("/name/ada").Do())
		time.Sleep(30 * time.Second)
		f.set("Touch")
		client.GET("/name").Cookie("sid", id).Do().Status(503)
	})
}
