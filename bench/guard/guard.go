//go:build linux

package guard

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// A Figure is one count.
type Figure struct {
	// Name is the case and what is counted: "http/text: allocations/request".
	Name string
	// Value is the count.
	Value float64
	// Slack is how much more is no regression: what rounding and the runtime's own work
	// change from run to run.
	Slack float64
	// Memory says that the count is one of the allocator, which the race detector changes.
	Memory bool
}

// figure returns a figure with the digits that it is good for.
func figure(scene, what string, value, slack float64, digits int) Figure {
	scale := math.Pow(10, float64(digits))
	return Figure{Name: scene + ": " + what, Value: math.Round(value*scale) / scale, Slack: slack}
}

func (f Figure) inMemory() Figure {
	f.Memory = true
	return f
}

// Measure counts everything, in about ten seconds. exe is a program that begins with
// control.ServeArgs: it becomes the servers of idle connections and of bursts. When ctx
// ends, Measure returns its error. It sets GOMAXPROCS and the garbage collector's pace, and
// so must not run beside anything else.
func Measure(ctx context.Context, exe string) ([]Figure, error) { return measure(ctx, exe, count) }

// measure is Measure with n requests a round, a multiple of each burst.
func measure(ctx context.Context, exe string, n int) ([]Figure, error) {
	var all []Figure
	for _, c := range requests() {
		fs, err := c.measure(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, fs...)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	live, err := connections(ctx, exe)
	if err != nil {
		return nil, err
	}
	return append(all, live...), nil
}

// A Change is a figure that is not what the baseline says.
type Change struct {
	Figure
	// Was is the baseline's value.
	Was float64
	// Kind says what has changed.
	Kind Kind
}

// Kind is how a figure differs from the baseline.
type Kind string

const (
	// Worse is a regression: more than the baseline and the slack.
	Worse Kind = "worse"
	// Better is less than the baseline by more than the slack. It is no failure.
	Better Kind = "better"
	// Unknown is a figure that the baseline does not have.
	Unknown Kind = "not in the baseline"
	// Gone is one that only the baseline has.
	Gone Kind = "only in the baseline"
)

// Fails reports whether the change must be accepted before it passes.
func (c Change) Fails() bool { return c.Kind != Better }

// String is the change as half a sentence.
func (c Change) String() string {
	switch c.Kind {
	case Unknown:
		return fmt.Sprintf("%s is %v and not in the baseline", c.Name, c.Value)
	case Gone:
		return fmt.Sprintf("%s is in the baseline and is not measured any more", c.Name)
	}
	return fmt.Sprintf("%s is %v, %s than the %v of the baseline", c.Name, c.Value, c.Kind, c.Was)
}

// Compare returns what differs between the baseline and figures, in the order of figures.
func (b *Baseline) Compare(figures []Figure) []Change {
	var out []Change
	seen := map[string]bool{}
	for _, f := range figures {
		seen[f.Name] = true
		was, ok := b.Figures[f.Name]
		switch {
		case !ok:
			out = append(out, Change{f, 0, Unknown})
		case f.Value > was+f.Slack:
			out = append(out, Change{f, was, Worse})
		case f.Value < was-f.Slack:
			out = append(out, Change{f, was, Better})
		}
	}
	for _, name := range b.names() {
		if !seen[name] {
			out = append(out, Change{Figure{Name: name}, b.Figures[name], Gone})
		}
	}
	return out
}

// Failing returns the changes that must be accepted before they pass.
func Failing(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return !c.Fails() })
}
