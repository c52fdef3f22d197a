package geist_test

import (
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// TestMemory_soak loads a server with the prober for a while and compares what is
// left after a collection in the middle and at the end: live heap within 5 %, no
// more goroutines and descriptors. It is a tool, not a part of the suite:
//
//	GEIST_SOAK=2m go test -run TestMemory_soak -v -timeout 0 .
func TestMemory_soak(t *testing.T) {
	total, err := time.ParseDuration(os.Getenv("GEIST_SOAK"))
	if err != nil || total <= 0 {
		t.Skip("set GEIST_SOAK to a duration, such as 2m, to run it")
	}
	s, r := new(probeServer), new(probeRun)
	app := s.engine(variantHosts, false)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveLoop(t, app, ln)
	warm := measureLoad(app, s, r, ln.Addr().String(), total/10, 0)
	middle := measureLoad(app, s, r, ln.Addr().String(), total/2-total/10, 1)
	end := measureLoad(app, s, r, ln.Addr().String(), total/2, 2)
	t.Logf("after %v: %+v", total/10, warm)
	t.Logf("after %v: %+v", total/2, middle)
	t.Logf("after %v: %+v", total, end)
	if wrong := r.foreign.Load() + r.mismatch.Load() + r.lost.Load() + s.stale.Load() + s.changed.Load(); wrong != 0 {
		t.Errorf("%d wrong answers; the first: %s", wrong, r.example)
	}
	if float64(end.heap) > 1.05*float64(middle.heap) {
		t.Errorf("live heap = %d bytes at the end, want within 5 %% of %d in the middle", end.heap, middle.heap)
	}
	// fasthttp keeps the workers of past connections for a while.
	if end.goroutines > middle.goroutines+memoryClients || end.files > middle.files {
		t.Errorf("goroutines, files = %d, %d at the end, want %d, %d", end.goroutines, end.files, middle.goroutines, middle.files)
	}
}

const memoryClients = 16

// loadMeasure is what is left after a collection.
type loadMeasure struct {
	answered   int64
	heap       uint64 // bytes
	resident   uint64 // bytes obtained from the system and not returned
	goroutines int
	files      int
}

// measureLoad probes for d, lets go of all connections and measures.
func measureLoad(app *geist.Engine, s *probeServer, r *probeRun, addr string, d time.Duration, phase uint64) (m loadMeasure) {
	r.left.Store(1 << 60)
	stop := time.AfterFunc(d, func() { r.left.Store(-1 << 60) })
	defer stop.Stop()
	var clients sync.WaitGroup
	for i := range memoryClients {
		clients.Go(func() {
			r.client(&prober{rnd: rand.New(rand.NewPCG(phase, uint64(i))), client: i, seq: int(phase) << 28, variant: variantHosts, host: addr})
		})
	}
	clients.Wait()
	for geist.OpenConns(app) > 0 {
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
	s.contexts = nil // kept by the prober, not by the engine
	s.mu.Unlock()
	var stats runtime.MemStats
	for range 3 { // pools take two collections to empty
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return loadMeasure{r.answered.Load(), stats.HeapAlloc, stats.Sys - stats.HeapReleased, settledGoroutines(), countFiles()}
}
