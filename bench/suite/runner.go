package suite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// A Runner runs scenes.
type Runner struct {
	// Scenes are what it runs, in this order.
	Scenes []Scene
	// Settings are theirs.
	Settings Settings
	// Command is what repeats the run. Empty means that of all scenes with these settings.
	Command string
	// Modules are the paths of the modules whose versions the run tells.
	Modules []string
	// Limits are what the system allows.
	Limits Limits
	// Patience is how long a scene may make no step before it counts as dead, beyond the
	// times of its settings. Zero means 2 minutes.
	Patience time.Duration
	// Progress is told what goes on. It may be nil.
	Progress *Progress
	// Done is called after each scene with the run so far, whose last scene is new. An error
	// ends the run. It may be nil.
	Done func(*result.Run) error
}

// Run runs the scenes. When ctx ends it stops after the batch that is being measured and
// returns what there is, marked as interrupted. The error is that of Done.
func (r *Runner) Run(ctx context.Context) (*result.Run, error) {
	run := &result.Run{
		Version: result.Version, Command: r.Command, Mode: r.Settings.Mode, Started: time.Now().UTC(),
		Settings: r.Settings.flags(), Machine: ThisMachine(), Versions: versions(r.Modules), Scenes: []*result.Scene{},
	}
	if run.Command == "" {
		run.Command = r.Settings.command("")
	}
	run.Commit, run.Dirty = revision(ctx)
	r.Progress.begin(r.Scenes, r.Settings)
	defer r.Progress.end()
	for _, sc := range r.Scenes {
		if ctx.Err() != nil {
			break
		}
		r.Progress.scene(sc.Name)
		out := r.scene(ctx, sc)
		if ctx.Err() == nil || len(out.Contenders) > 0 {
			run.Scenes = append(run.Scenes, out)
		}
		run.Seconds = time.Since(run.Started).Seconds()
		run.Machine.LoadAfter = load()
		run.Interrupted = ctx.Err() != nil
		r.Progress.pause()
		if r.Done != nil {
			if err := r.Done(run); err != nil {
				return run, err
			}
		}
	}
	return run, nil
}

// scene runs one scene, again without those who bring it down.
func (r *Runner) scene(ctx context.Context, sc Scene) *result.Scene {
	s := r.Settings
	blank := func() *result.Scene {
		return &result.Scene{Name: sc.Name, Title: sc.Title, Command: s.command(sc.Name)}
	}
	if sc.Needs != nil {
		if why := r.Limits.lacks(sc.Needs(s)); why != "" {
			out := blank()
			out.NotMeasured = why
			return out
		}
	}
	var failures []result.Failure
	for {
		out, last, err := r.attempt(ctx, sc, s)
		if out == nil {
			out = blank()
		}
		out.Command = r.Settings.command(sc.Name)
		out.Failures = append(slices.Clone(failures), out.Failures...)
		if ctx.Err() != nil || err == nil {
			return out
		}
		if !errors.Is(err, errDied) || last.Peer == "" || slices.Contains(s.Without, last.Peer) {
			out.Failures = append(out.Failures, result.Failure{Peer: "the scene", What: err.Error()})
			return out
		}
		failures = append(failures, result.Failure{Peer: last.Peer, What: err.Error()})
		s.Without = append(slices.Clone(s.Without), last.Peer)
	}
}

func (r *Runner) attempt(ctx context.Context, sc Scene, s Settings) (*result.Scene, Step, error) {
	c, err := startChild(sc, s)
	if err != nil {
		return nil, Step{}, fmt.Errorf("start: %w", err)
	}
	patience := cmp.Or(r.Patience, 2*time.Minute) + s.Rest + s.Forget + 10*s.Batch
	out, err := c.wait(ctx, patience, r.Progress.step)
	return out, c.last, err
}
