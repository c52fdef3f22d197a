package monitor

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gogeist/geist/hub"
)

// maxRows is how many routes a report has.
const maxRows = 50

// report is what stats.json answers, and without History an event of the feed. Times are in
// nanoseconds unless they say otherwise.
type report struct {
	Title       string            `json:"title"`
	Time        time.Time         `json:"time"`
	Second      int64             `json:"second"` // of the line, or the newest of History; since the start
	Uptime      float64           `json:"uptime"` // seconds since New
	Ready       bool              `json:"ready"`
	Requests    requestsReport    `json:"requests"`
	Connections connectionsReport `json:"connections"`
	Routes      []routeReport     `json:"routes"`      // those with the most requests
	RoutesTotal int               `json:"routesTotal"` // how many there are
	Hubs        []hubReport       `json:"hubs"`
	Process     processReport     `json:"process"`
	Viewers     int               `json:"viewers"`
	Build       *buildReport      `json:"build,omitempty"`
	Line        *lineReport       `json:"line,omitempty"`
	History     *historyReport    `json:"history,omitempty"`
}

type requestsReport struct {
	Total     uint64    `json:"total"`
	InFlight  int64     `json:"inFlight"`
	Status    statuses  `json:"status"`    // from 1xx to 5xx, since the start
	Latency   quantiles `json:"latency"`   // of the last minute
	Histogram []bar     `json:"histogram"` // of the last minute; bars without requests are left out
}

// bar is a bucket of a histogram: where it begins and ends, and how many are in it.
type bar [3]int64

// quantiles are of Count durations.
type quantiles struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
}

func quantilesOf(h *counts) quantiles {
	n := h.total()
	return quantiles{n, h.quantile(n, .5), h.quantile(n, .9), h.quantile(n, .99), h.quantile(n, .999)}
}

type connectionsReport struct {
	Open       int `json:"open"`
	WebSockets int `json:"webSockets"`
	Streams    int `json:"streams"`
}

// routeReport is a row. Without a route Pattern is empty; Rest marks the row of all beyond
// Config.MaxRoutes.
type routeReport struct {
	Method  string    `json:"method"`
	Pattern string    `json:"pattern"`
	Rest    bool      `json:"rest,omitempty"`
	Count   uint64    `json:"count"`
	Status  statuses  `json:"status"`
	Latency quantiles `json:"latency"`
}

type hubReport struct {
	Name         string       `json:"name"`
	Conns        int          `json:"conns"`
	Users        int          `json:"users"`
	Rooms        int          `json:"rooms"`
	Published    uint64       `json:"published"`
	Delivered    uint64       `json:"delivered"`
	Gaps         uint64       `json:"gaps"`
	Disconnected uint64       `json:"disconnected"`
	HistoryBytes int64        `json:"historyBytes"`
	Top          []roomReport `json:"top"`
}

// roomReport is a room. Without Config.RoomNames Name is empty.
type roomReport struct {
	Name  string `json:"name"`
	Conns int    `json:"conns"`
	Kept  int    `json:"kept"`
	Bytes int    `json:"bytes"`
}

// lineReport is a line of the history.
type lineReport struct {
	Status     statuses      `json:"status"`
	P50        time.Duration `json:"p50"`
	P90        time.Duration `json:"p90"`
	P99        time.Duration `json:"p99"`
	P999       time.Duration `json:"p999"`
	InFlight   int64         `json:"inFlight"`
	Conns      int           `json:"conns"`
	WebSockets int           `json:"webSockets"`
	Streams    int           `json:"streams"`
	Goroutines uint64        `json:"goroutines"`
	Heap       uint64        `json:"heap"`
}

func (l *line) report() lineReport {
	g := &l.gauges
	return lineReport{l.status, l.p50, l.p90, l.p99, l.p999, l.inFlight, g.conns, g.sockets, g.streams, g.goroutines, g.heap}
}

// historyReport has a line for each of the seconds from First on, without holes.
type historyReport struct {
	First int64        `json:"first"`
	Lines []lineReport `json:"lines"`
}

// report writes what there is to see now. The history is for who has just come.
func (m *Monitor) report(withHistory bool) ([]byte, error) {
	now := time.Since(m.started)
	m.turn(now, true)
	r := report{
		Title: m.conf.Title, Time: m.started.Add(now).UTC(), Uptime: now.Seconds(), Ready: true, Hubs: []hubReport{}, Viewers: m.viewers.len(),
	}
	if app := m.app.Load(); app != nil {
		open := app.Stats()
		r.Ready = app.Ready()
		r.Connections = connectionsReport{open.Conns, open.WebSockets, open.Streams}
	}
	if m.conf.Build {
		r.Build = build()
	}
	m.reportHistory(&r, withHistory)
	status := m.all.status()
	r.Requests.Total, r.Requests.Status, r.Requests.InFlight = status.total(), status, m.all.inFlight()
	r.Routes, r.RoutesTotal = m.reportRoutes()
	for _, name := range m.hubs {
		r.Hubs = append(r.Hubs, m.reportHub(name, m.conf.Hubs[name]))
	}
	return json.Marshal(&r)
}

// reportHistory fills in what the history's lock guards.
func (m *Monitor) reportHistory(r *report, whole bool) {
	h := &m.history
	h.mu.Lock()
	defer h.mu.Unlock()
	minute := m.minuteLocked()
	r.Requests.Latency = quantilesOf(&minute)
	r.Requests.Histogram = bars(&minute)
	r.Process = h.process.report()
	end := m.second.Load()
	r.Second = end - 1
	if end > 0 {
		newest := h.lines[(end-1)%historySeconds].report()
		r.Line = &newest
	}
	if !whole {
		return
	}
	first := max(end-historySeconds, 0)
	r.History = &historyReport{First: first, Lines: []lineReport{}}
	for s := first; s < end; s++ {
		r.History.Lines = append(r.History.Lines, h.lines[s%historySeconds].report())
	}
}

// bars returns the buckets that have something in them.
func bars(h *counts) []bar {
	b := []bar{}
	for i, n := range h {
		if n == 0 {
			continue
		}
		var from time.Duration
		if i > 0 {
			from = upperOf(i - 1)
		}
		b = append(b, bar{int64(from), int64(upperOf(i)), int64(n)})
	}
	return b
}

// reportRoutes returns the rows with the most requests, and how many routes there are.
func (m *Monitor) reportRoutes() (rows []routeReport, total int) {
	type busy struct {
		*series
		status statuses
		count  uint64
	}
	var all []busy
	add := func(s *series) {
		status := s.status()
		if n := status.total(); n > 0 {
			all = append(all, busy{s, status, n})
		}
	}
	for _, s := range *m.routes.Load() {
		add(s)
	}
	add(m.rest)
	slices.SortFunc(all, func(a, b busy) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.pattern, b.pattern), strings.Compare(a.method, b.method))
	})
	rows = []routeReport{}
	var latency counts
	for _, s := range all[:min(len(all), maxRows)] {
		s.latency(&latency)
		rows = append(rows, routeReport{s.method, s.pattern, s.series == m.rest, s.count, s.status, quantilesOf(&latency)})
	}
	return rows, len(all)
}

func (m *Monitor) reportHub(name string, h *hub.Hub) hubReport {
	s := h.Stats()
	r := hubReport{
		Name: name, Conns: s.Conns, Users: s.Users, Rooms: s.Rooms, Published: s.Published, Delivered: s.Delivered,
		Gaps: s.Gaps, Disconnected: s.Disconnected, HistoryBytes: s.HistoryKept, Top: []roomReport{},
	}
	for _, room := range h.Rooms(m.conf.TopRooms) {
		row := roomReport{room.Name, room.Conns, room.Kept, room.KeptBytes}
		if !m.conf.RoomNames {
			row.Name = ""
		}
		r.Top = append(r.Top, row)
	}
	return r
}
