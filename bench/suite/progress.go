package suite

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Progress says on a terminal, or in plain lines, how far a run is. The zero pointer says
// nothing. It is used by one goroutine.
type Progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration // between two drawings of the bar
	began    time.Time

	names  []string
	expect []time.Duration // guesses, by scene
	at     int             // the scene that runs; -1 before the first
	since  time.Time       // its start
	last   Step
	drawn  time.Time
	spent  time.Duration // of scenes that are over
	meant  time.Duration // what was guessed for those
}

// NewProgress returns a Progress on w: a bar if that is a terminal, a line for each scene if
// not.
func NewProgress(w io.Writer, terminal bool) *Progress {
	return &Progress{w: w, terminal: terminal, every: 100 * time.Millisecond}
}

func (p *Progress) begin(scenes []Scene, s Settings) {
	if p == nil {
		return
	}
	p.began, p.at = time.Now(), -1
	for _, sc := range scenes {
		p.names = append(p.names, sc.Name)
		p.expect = append(p.expect, expectation(sc, s))
	}
	fmt.Fprintf(p.w, "%d scenes, about %s\n", len(scenes), Span(total(p.expect)))
}

func expectation(sc Scene, s Settings) time.Duration {
	if sc.Expect == nil {
		return 10 * time.Second
	}
	return sc.Expect(s)
}

// Expectation is how long scenes will take, as they guess.
func Expectation(scenes []Scene, s Settings) time.Duration {
	var sum time.Duration
	for _, sc := range scenes {
		sum += expectation(sc, s)
	}
	return sum
}

func total(ds []time.Duration) (sum time.Duration) {
	for _, d := range ds {
		sum += d
	}
	return sum
}

// scene says that the next scene begins.
func (p *Progress) scene(name string) {
	if p == nil {
		return
	}
	p.leave()
	p.at++
	p.since, p.last = time.Now(), Step{}
	if !p.terminal {
		fmt.Fprintf(p.w, "%d of %d, %s left: %s\n", p.at+1, len(p.names), Span(p.left()), name)
		return
	}
	p.draw()
}

// leave counts the time of the scene that is over.
func (p *Progress) leave() {
	if p.at >= 0 {
		p.spent += time.Since(p.since)
		p.meant += p.expect[p.at]
	}
}

func (p *Progress) step(s Step) {
	if p == nil {
		return
	}
	p.last = s
	if p.terminal && time.Since(p.drawn) >= p.every {
		p.draw()
	}
}

// pause clears the line for other output.
func (p *Progress) pause() {
	if p != nil && p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func (p *Progress) end() {
	if p == nil {
		return
	}
	p.pause()
	fmt.Fprintf(p.w, "done in %s\n", Span(time.Since(p.began)))
}

// part is how much of the running scene is done, from 0 to 1.
func (p *Progress) part() float64 {
	if p.last.Total == 0 {
		return 0
	}
	return min(float64(p.last.Done)/float64(p.last.Total), 1)
}

// left guesses the time to the end: the scenes' own guesses, corrected by how far off those
// of the scenes before were.
func (p *Progress) left() time.Duration {
	rest := float64(total(p.expect[p.at+1:]))
	off := 1.0
	if p.meant > 0 {
		off = min(max(float64(p.spent)/float64(p.meant), 0.5), 2)
	}
	now, ran := float64(p.expect[p.at])*off, float64(time.Since(p.since))
	if f := p.part(); f > 0.05 {
		now = ran / f
	}
	return time.Duration(rest*off + max(now-ran, 0))
}

// cells is the width of the bar.
const cells = 24

func (p *Progress) draw() {
	p.drawn = time.Now()
	left, ran := float64(p.left()), float64(time.Since(p.began))
	full := int(cells * ran / max(ran+left, 1))
	fmt.Fprintf(p.w, "\r\x1b[K%s%s %d/%d %s left  %s  %s", strings.Repeat("█", full), strings.Repeat("░", cells-full),
		p.at+1, len(p.names), Span(time.Duration(left)), p.names[p.at], p.last.Peer)
}

// Span writes a duration as people say it: 5s, 2m10s, 1h05m.
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
}
