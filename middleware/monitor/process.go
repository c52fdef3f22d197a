package monitor

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// process reads what the runtime knows of itself, without stopping it. Its buffers are
// used again.
type process struct{ few, all []metrics.Sample }

// Names of package runtime/metrics. The first ones are read for every line.
const (
	metricGoroutines = "/sched/goroutines:goroutines"
	metricHeap       = "/memory/classes/heap/objects:bytes"
	metricTotal      = "/memory/classes/total:bytes"
	metricGoal       = "/gc/heap/goal:bytes"
	metricCycles     = "/gc/cycles/total:gc-cycles"
	metricProcs      = "/sched/gomaxprocs:threads"
	metricPauses     = "/sched/pauses/total/gc:seconds"
)

func newProcess() process {
	names := []string{metricGoroutines, metricHeap, metricTotal, metricGoal, metricCycles, metricProcs, metricPauses}
	p := process{all: make([]metrics.Sample, len(names))}
	for i, name := range names {
		p.all[i].Name = name
	}
	p.few = p.all[:2]
	return p
}

// quick returns what goes into a line. It allocates nothing.
func (p *process) quick() (goroutines, heap uint64) {
	metrics.Read(p.few)
	return number(p.few[0].Value), number(p.few[1].Value)
}

// processReport is the part of a report about the process. Sizes are in bytes, pauses in
// nanoseconds.
type processReport struct {
	Heap       uint64 `json:"heap"`
	HeapGoal   uint64 `json:"heapGoal"`
	Runtime    uint64 `json:"runtime"`
	RSS        uint64 `json:"rss,omitempty"` // where it is known
	Goroutines uint64 `json:"goroutines"`
	MaxProcs   uint64 `json:"maxProcs"`
	GC         uint64 `json:"gc"`
	Pause      pauses `json:"gcPause"`
}

// pauses are of the pauses of garbage collection since the start.
type pauses struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

func (p *process) report() processReport {
	metrics.Read(p.all)
	r := processReport{
		Goroutines: number(p.all[0].Value), Heap: number(p.all[1].Value), Runtime: number(p.all[2].Value),
		HeapGoal: number(p.all[3].Value), GC: number(p.all[4].Value), MaxProcs: number(p.all[5].Value), RSS: rss(),
	}
	if v := p.all[6].Value; v.Kind() == metrics.KindFloat64Histogram {
		h := v.Float64Histogram()
		r.Pause = pauses{pause(h, .5), pause(h, .99), pause(h, 1)}
	}
	return r
}

// number returns a number, or 0 if this version of Go has it not.
func number(v metrics.Value) uint64 {
	if v.Kind() != metrics.KindUint64 {
		return 0
	}
	return v.Uint64()
}

// pause returns the end of the bucket that the q-th part of the pauses reaches, in nanoseconds.
func pause(h *metrics.Float64Histogram, q float64) int64 {
	var n, seen uint64
	for _, k := range h.Counts {
		n += k
	}
	want := max(uint64(q*float64(n)+0.5), 1)
	for i, k := range h.Counts {
		if seen += k; seen >= want {
			end := h.Buckets[i+1]
			if math.IsInf(end, 1) {
				end = h.Buckets[i]
			}
			return int64(end * 1e9)
		}
	}
	return 0
}

// buildReport is the part of a report about the program.
type buildReport struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
}

// build returns what the program was built of, or nil if it does not know.
func build() *buildReport {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	r := &buildReport{Module: info.Main.Path, Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			r.Revision = s.Value
		case "vcs.modified":
			r.Modified = s.Value == "true"
		}
	}
	return r
}
