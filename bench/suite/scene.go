package suite

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// A Scene is one comparison that the suite can run.
type Scene struct {
	// Name is a path such as "router/github"; Title says what is measured, as half a
	// sentence without a full stop.
	Name, Title string
	// Repeats says that the scene does what another does, at other sizes or by other means.
	// Quick runs of all scenes leave it out.
	Repeats bool
	// Needs says what a process of the scene needs of the system. Nil means nothing unusual.
	Needs func(Settings) Needs
	// Expect guesses how long the scene takes. The estimate of what is left of a run is
	// made of it, and nothing else.
	Expect func(Settings) time.Duration
	// Run measures. It fills a scene that has a name and a title, and leaves the summary to
	// the caller; a peer that cannot be measured goes to [result.Scene.Fail], and the others
	// go on. An error means that nothing could be measured, or no more: what the scene has
	// until then counts. When ctx ends, Run returns its error after the batch it is in.
	Run func(ctx context.Context, out *result.Scene, s Settings, step StepFunc) error
}

// Needs are what a scene needs of the system.
type Needs struct {
	// Files is how many files one process has open at once; Ports how many connections it
	// opens to one address.
	Files, Ports int
}

// A StepFunc is told before each part of a scene begins.
type StepFunc func(Step)

// A Step is a part of a scene: one batch of one contender.
type Step struct {
	// Done is the number of steps before this one, of Total. Zero Total means it is not
	// known yet.
	Done, Total int
	// Peer is who is at work.
	Peer string
}

// Settings say how much a scene measures. Numbers that are zero mean the scene's own.
type Settings struct {
	Mode result.Mode
	// Rounds is the number of batches of each contender; Batch the least duration of one.
	Rounds int
	Batch  time.Duration
	// Trials is how often each contender is tried in scenes that have no batches.
	Trials int
	// Conns is the number of clients in scenes that hold connections; Held those of the
	// scenes that measure idle ones, each in turn.
	Conns int
	Held  []int
	// Crowd is how many rooms "many" are.
	Crowd int
	// Rest is how long connections stay idle before memory is read, Forget how long a server
	// may take to let go of those that have vanished. Negative means not at all.
	Rest, Forget time.Duration
	// Size is how many MiB a transfer has.
	Size int
	// Peer chooses contenders by name. Nil means all.
	Peer *regexp.Regexp
	// Without are peers that take no part any longer: they brought a process down.
	Without []string
	// Exe is the program that becomes servers and scenes.
	Exe string
	// Verbose has scenes tell more on the error output.
	Verbose bool
}

// Wants reports whether the contender of a name is to be measured.
func (s Settings) Wants(name string) bool {
	return (s.Peer == nil || s.Peer.MatchString(name)) && !slices.Contains(s.Without, name)
}

// Choose returns given, unless it is zero: then full or quick, by the mode.
func Choose[T comparable](mode result.Mode, given, full, quick T) T {
	var zero T
	switch {
	case given != zero:
		return given
	case mode == result.Quick:
		return quick
	default:
		return full
	}
}

// flags returns what differs from the scenes' own settings, by the name of its flag.
func (s Settings) flags() map[string]string {
	m := map[string]string{}
	for name, v := range map[string]int{"rounds": s.Rounds, "trials": s.Trials, "conns": s.Conns, "crowd": s.Crowd, "size": s.Size} {
		if v != 0 {
			m[name] = strconv.Itoa(v)
		}
	}
	for name, v := range map[string]time.Duration{"batch": s.Batch, "rest": s.Rest, "forget": s.Forget} {
		if v != 0 {
			m[name] = v.String()
		}
	}
	if len(s.Held) > 0 {
		m["held"] = strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Held), " ", ","), "[]")
	}
	if s.Peer != nil {
		m["peer"] = s.Peer.String()
	}
	return m
}

// command is how the scene of a name is measured again with these settings. An empty name
// stands for all scenes.
func (s Settings) command(scene string) string {
	words := []string{"go run . all"}
	if s.Mode == result.Quick {
		words = append(words, "-quick")
	}
	if scene != "" {
		words = append(words, "-scene", Quote("^"+regexp.QuoteMeta(scene)+"$"))
	}
	flags := s.flags()
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		words = append(words, "-"+name, Quote(flags[name]))
	}
	return strings.Join(words, " ")
}

// Quote makes one word of a shell of s.
func Quote(s string) string {
	if strings.ContainsAny(s, " $^*()[]{}|\\?'\"&;<>~#") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
