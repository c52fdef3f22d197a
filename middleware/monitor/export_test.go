package monitor

import "time"

// Publishing reports whether there is a goroutine that publishes reports.
func Publishing(m *Monitor) bool {
	m.viewers.mu.Lock()
	defer m.viewers.mu.Unlock()
	return m.viewers.stop != nil
}

// Rows returns how many routes are counted apart.
func Rows(m *Monitor) int { return len(*m.routes.Load()) }

// Turn writes the lines before a time since New.
func Turn(m *Monitor, since time.Duration) { m.turn(since, true) }
