package result

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Part is one of the runs that a run was merged of. Its fields are those of [Run].
type Part struct {
	Command     string    `json:"command"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	Interrupted bool      `json:"interrupted,omitempty"`
	Commit      string    `json:"commit,omitempty"`
	Dirty       bool      `json:"dirty,omitempty"`
	Machine     Machine   `json:"machine"`
	// Scenes are the names of the scenes that come from it.
	Scenes []string `json:"scenes"`
}

// Merge makes one run of several that were measured on one machine, in the order in which
// they are given: of scenes with the same name the later counts. Runs of different machines,
// modes or versions of a module are an error, since their figures do not belong into one table.
// The runs are not changed, but share their scenes with the result.
func Merge(runs ...*Run) (*Run, error) {
	if len(runs) == 0 {
		return nil, errors.New("there is no run")
	}
	first := runs[0]
	if len(runs) == 1 {
		return first, nil
	}
	out := *first
	out.Command, out.Settings, out.Seconds, out.Scenes, out.parts = "", nil, 0, nil, nil
	out.Versions = maps.Clone(first.Versions)
	from := map[string]int{} // the run that a scene comes from
	for i, r := range runs {
		if err := first.fits(r); err != nil {
			return nil, err
		}
		out.add(r)
		for _, s := range r.Scenes {
			from[s.Name] = i
			if at := slices.IndexFunc(out.Scenes, func(o *Scene) bool { return o.Name == s.Name }); at >= 0 {
				out.Scenes[at] = s
			} else {
				out.Scenes = append(out.Scenes, s)
			}
		}
	}
	for i, r := range runs {
		p := r.part()
		p.Scenes = slices.DeleteFunc(p.Scenes, func(name string) bool { return from[name] != i })
		out.parts = append(out.parts, p)
	}
	return &out, nil
}

// add joins to r what holds for all of its parts together.
func (r *Run) add(p *Run) {
	if p.Started.Before(r.Started) {
		r.Started = p.Started
	}
	if p.Commit != r.Commit {
		r.Commit = "" // there is not one
	}
	r.Seconds += p.Seconds
	r.Dirty = r.Dirty || p.Dirty
	r.Interrupted = r.Interrupted || p.Interrupted
	for path, v := range p.Versions {
		if r.Versions == nil {
			r.Versions = map[string]string{}
		}
		r.Versions[path] = v
	}
}

// fits reports why p cannot be merged with r.
func (r *Run) fits(p *Run) error {
	a, b := r.Machine, p.Machine
	a.LoadBefore, a.LoadAfter, b.LoadBefore, b.LoadAfter = 0, 0, 0, 0
	switch {
	case a != b:
		return fmt.Errorf("%s and %s come from different machines (%s; %s): figures of one report need one machine, diff compares two",
			r.name(), p.name(), a, b)
	case r.Mode != p.Mode:
		return fmt.Errorf("%s is a %s run and %s a %s one: they do not belong into one report", r.name(), r.Mode, p.name(), p.Mode)
	}
	for path, v := range p.Versions {
		if w, ok := r.Versions[path]; ok && v != w {
			return fmt.Errorf("%s was measured with %s %s and %s with %s: measure one of them again", r.name(), path, w, p.name(), v)
		}
	}
	return nil
}

// name is how messages call a run.
func (r *Run) name() string { return "the run of " + r.Started.Format(time.DateTime) }

// Parts are the runs that r was merged of, or r itself.
func (r *Run) Parts() []Part {
	if r.parts == nil {
		return []Part{r.part()}
	}
	return r.parts
}

func (r *Run) part() Part {
	p := Part{
		Command: r.Command, Started: r.Started, Seconds: r.Seconds, Interrupted: r.Interrupted,
		Commit: r.Commit, Dirty: r.Dirty, Machine: r.Machine,
	}
	for _, s := range r.Scenes {
		p.Scenes = append(p.Scenes, s.Name)
	}
	return p
}

// String names a machine in a few words.
func (m Machine) String() string {
	s := fmt.Sprintf("%s, %d cores, %s/%s, %s", cmp.Or(m.CPU, "unknown CPU"), m.Cores, m.OS, m.Arch, m.Go)
	if m.Memory > 0 {
		s += fmt.Sprintf(", %.1f GiB", float64(m.Memory)/(1<<30))
	}
	if m.Kernel != "" {
		s += ", kernel " + m.Kernel
	}
	if m.Governor != "" {
		s += ", governor " + m.Governor
	}
	return s
}
