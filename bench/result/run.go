package result

import (
	"fmt"
	"time"
)

// Version is the form of the files that this package writes. [Read] refuses others.
const Version = 1

// A Mode says what figures of a run are good for.
type Mode string

const (
	// Quick shows that the suite works. Its figures are not for quoting.
	Quick Mode = "quick"
	// Full is for quoting.
	Full Mode = "full"
)

// A Run is what one call of the suite measured.
type Run struct {
	// Version is the constant of that name.
	Version int `json:"version"`
	// Command repeats the run, in the directory bench.
	Command string `json:"command"`
	Mode    Mode   `json:"mode"`
	// Started is in UTC; Seconds is how long the run took.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Interrupted says that it was stopped before its end: scenes may be missing, and the
	// last may have fewer rounds.
	Interrupted bool `json:"interrupted,omitempty"`
	// Commit is the revision of geist, in full, or empty where git does not tell; Dirty says
	// that files differed from it.
	Commit string `json:"commit,omitempty"`
	Dirty  bool   `json:"dirty,omitempty"`
	// Settings are flags with their values.
	Settings map[string]string `json:"settings,omitempty"`
	Machine  Machine           `json:"machine"`
	// Versions are those of the modules that took part, by their path.
	Versions map[string]string `json:"versions,omitempty"`
	Scenes   []*Scene          `json:"scenes"`

	parts []Part // that it was merged of, or nil
}

// Scene returns the scene of a name, or nil.
func (r *Run) Scene(name string) *Scene {
	for _, s := range r.Scenes {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Failures is the number of failures in all scenes.
func (r *Run) Failures() int {
	n := 0
	for _, s := range r.Scenes {
		n += len(s.Failures)
	}
	return n
}

// Check reports what makes a run unfit for a report: another version, scenes of one name,
// contenders of one name in a scene, values of a metric that the scene does not have.
func (r *Run) Check() error {
	if r.Version != Version {
		return fmt.Errorf("the file has version %d of the format, this program reads %d", r.Version, Version)
	}
	seen := map[string]bool{}
	for i, s := range r.Scenes {
		if s == nil {
			return fmt.Errorf("scene %d is null", i)
		}
		if seen[s.Name] {
			return fmt.Errorf("two scenes are called %q", s.Name)
		}
		seen[s.Name] = true
		if err := s.check(); err != nil {
			return fmt.Errorf("scene %s: %w", s.Name, err)
		}
	}
	return nil
}

// A Machine is where a run took place. Fields that the system does not tell are zero.
type Machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory,omitempty"` // bytes
	Kernel string `json:"kernel,omitempty"`
	Go     string `json:"go"`
	// Governor is how the system chooses the frequency of the first core.
	Governor string `json:"governor,omitempty"`
	// LoadBefore and LoadAfter are the load averages of the minute before the run began
	// and before it ended. A load before that is near Cores disturbs it.
	LoadBefore float64 `json:"loadBefore"`
	LoadAfter  float64 `json:"loadAfter"`
}
