package monitor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

const (
	feedRoom  = "monitor"
	feedEvent = "report"
	// feedDelay is how long after the end of a second its report is published: a timer that is
	// a little late must not leave a second out.
	feedDelay = 100 * time.Millisecond
	// feedLag is how many reports a viewer may be behind before it skips them.
	feedLag = 5
	// feedBytes bounds a report. One of many hubs whose rooms have long names may be large.
	feedBytes = 16 << 20
)

// viewers are the streams that follow the reports. The first starts a goroutine that publishes
// them, the last ends it.
type viewers struct {
	monitor *Monitor
	hub     *hub.Hub

	mu   sync.Mutex
	n    int           // guarded by mu
	stop chan struct{} // guarded by mu; ends the goroutine; nil while there is none
}

func (v *viewers) init(m *Monitor) {
	v.monitor = m
	v.hub = hub.New(hub.Config{
		Rooms:      hub.RoomConfig{KeepMessages: -1, MaxLagMessages: feedLag, MaxLagBytes: 2 * feedBytes, OnLag: hub.SkipToHead},
		MaxMessage: feedBytes,
	})
}

func (v *viewers) len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.n
}

// enter lets one more viewer in, or reports that there are too many.
func (v *viewers) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n >= v.monitor.conf.MaxViewers {
		return false
	}
	if v.n++; v.n == 1 {
		v.stop = make(chan struct{})
		go v.run(v.stop) // ends when the last viewer leaves
	}
	return true
}

// leave is what a viewer's stream ends with.
func (v *viewers) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n--; v.n == 0 {
		close(v.stop)
		v.stop = nil
	}
}

// run publishes a report each second.
func (v *viewers) run(stop <-chan struct{}) {
	t := time.NewTimer(v.pause())
	defer t.Stop()
	for {
		select {
		case <-t.C:
			v.publish()
			t.Reset(v.pause())
		case <-stop:
			return
		}
	}
}

// pause returns how long it is to the next report.
func (v *viewers) pause() time.Duration {
	return time.Second - (time.Since(v.monitor.started)-feedDelay+time.Second)%time.Second
}

func (v *viewers) publish() {
	b, err := v.monitor.report(false)
	if err == nil {
		_, err = v.hub.Publish(context.Background(), feedRoom, hub.Message{Event: feedEvent, Data: b})
	}
	if err != nil {
		slog.Default().Error("monitor: a report could not be published", slog.String("error", err.Error()))
	}
}

// viewer is one of them, until it is closed.
type viewer struct{ of *viewers }

// Close is called once, when the stream has ended.
func (x viewer) Close() error {
	x.of.leave()
	return nil
}

// events is the feed.
func (m *Monitor) events(c *geist.Ctx, s *geist.Stream) error {
	if !m.viewers.enter() {
		c.SetHeader("Retry-After", "10")
		return errTooManyViewers
	}
	s.Keep(viewer{&m.viewers})
	return s.Follow(m.viewers.hub, feedRoom)
}
