package capacity

import (
	"math"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/result"
)

func exactly(x float64) result.Estimate { return result.Estimate{Median: x, Low: x, High: x} }

// round numbers, so that every step can be followed by hand
func example() Assumptions {
	return Assumptions{
		Machine: Machine{Name: "example", Cores: 4, Memory: 16, Price: 0.5}, Headroom: 0.5,
		Requests: 1e6, Connections: 1 << 20, Deliveries: 1, Kernel: 4, Hours: 100,
	}
}

func TestAssumptions_serve(t *testing.T) {
	a := example()
	for _, tt := range []struct {
		cpu, cores, machines, cost float64
	}{
		{10, 10, 5, 250},  // 10 cores, of which a machine gives 2
		{11, 11, 6, 300},  // 5.5 machines are 6
		{0.1, 0.1, 1, 50}, // there is no less than one
	} {
		n := a.Serve(exactly(tt.cpu))
		if near(n.Cores.Median, tt.cores) && n.Machines.Median == tt.machines && near(n.Cost.Median, tt.cost) && n.Limit == Processor {
			continue
		}
		t.Errorf("%v µs: got %+v, want %v cores, %v machines, %v dollars", tt.cpu, n, tt.cores, tt.machines, tt.cost)
	}
	n := a.Serve(result.Estimate{Median: 10, Low: 4, High: 13})
	if n.Machines != (result.Estimate{Median: 5, Low: 2, High: 7}) {
		t.Errorf("with an interval: %+v", n.Machines)
	}
}

func TestAssumptions_hold(t *testing.T) {
	a := example()
	for _, tt := range []struct {
		name                  string
		memory, cpu, machines float64
		limit                 Limit
	}{
		{"16 GiB, of which a machine gives 8", 12, 0.001, 2, Memory},
		{"the kernel's share alone is 4 GiB", 0, 0.001, 1, Memory},
		{"10.5 cores, of which a machine gives 2", 1, 10, 6, Processor},
	} {
		if n := a.Hold(exactly(tt.memory), exactly(tt.cpu)); n.Machines.Median != tt.machines || n.Limit != tt.limit {
			t.Errorf("%s: got %+v, want %v machines, %s", tt.name, n, tt.machines, tt.limit)
		}
	}
	if n := a.Hold(exactly(12), exactly(0)); n.Memory.Median != 16 {
		t.Errorf("%v GiB, want 16", n.Memory.Median)
	}
}

func near(x, y float64) bool { return math.Abs(x-y) < 1e-9*max(math.Abs(x), 1) }

func TestAssumptions_check(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Assumptions){
		"cores":       func(a *Assumptions) { a.Machine.Cores = 0 },
		"memory":      func(a *Assumptions) { a.Machine.Memory = 0 },
		"price":       func(a *Assumptions) { a.Machine.Price = -1 },
		"headroom":    func(a *Assumptions) { a.Headroom = 1 },
		"requests":    func(a *Assumptions) { a.Requests = math.NaN() },
		"connections": func(a *Assumptions) { a.Connections = math.Inf(1) },
		"deliveries":  func(a *Assumptions) { a.Deliveries = -0.1 },
		"kernel":      func(a *Assumptions) { a.Kernel = -1 },
		"hours":       func(a *Assumptions) { a.Hours = 0 },
	} {
		a := Default()
		change(&a)
		if err := a.Check(); err == nil || !strings.HasPrefix(err.Error(), want+" is ") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func row(peer, variant string, values map[string]float64) *result.Contender {
	c := result.NewContender(peer, variant)
	for key, v := range values {
		c.Add(key, v)
	}
	return c
}

func TestPlan(t *testing.T) {
	floor := row("fasthttp", "", map[string]float64{"cpu": 1})
	floor.Floor = true
	r := &result.Run{Scenes: []*result.Scene{
		{Name: "loopback/api", Contenders: []*result.Contender{
			floor, row("gin", "", map[string]float64{"cpu": 30}), row("geist", "", map[string]float64{"cpu": 10}),
			row("fiber", "", map[string]float64{"rate": 10}), // without the figure that counts
		}},
		{Name: "ws/hold", Contenders: []*result.Contender{
			row("geist", "1000", map[string]float64{"rss": 99}), row("geist", "15000", map[string]float64{"rss": 4}),
			row("melody", "15000", map[string]float64{"rss": 20}), row("lonely", "15000", map[string]float64{"rss": 1}),
		}},
		{Name: "ws/fanout/10x1", Contenders: []*result.Contender{
			row("geist", "", map[string]float64{"cpu": 0.001}), row("melody", "", map[string]float64{"cpu": 0.001}),
		}},
	}}
	for _, s := range r.Scenes {
		s.Summarise()
	}
	tables := Plan(r, example())
	if len(tables) != 3 {
		t.Fatalf("%d tables", len(tables))
	}
	if got := tables[0].Rows; len(got) != 2 || got[0].Peer != "geist" || got[1].Peer != "gin" || !near(got[1].Ratio, 3) || !near(got[0].Ratio, 1) {
		t.Errorf("requests: %+v", got)
	}
	if got := tables[1].Rows; len(got) != 2 || got[0].Memory.Median != 4 || !near(got[1].Ratio, 3) {
		t.Errorf("connections: %+v", got)
	}
	if got := tables[2]; len(got.Rows) != 0 || got.Why != "the run has no scene sse/hold" {
		t.Errorf("streams: %+v", got)
	}
}

func TestPlan_withoutGeist(t *testing.T) {
	s := &result.Scene{Name: "loopback/api", Contenders: []*result.Contender{row("gin", "", map[string]float64{"cpu": 30})}}
	s.Summarise()
	if got := Plan(&result.Run{Scenes: []*result.Scene{s}}, example())[0].Rows; len(got) != 1 || got[0].Ratio != 0 {
		t.Errorf("got %+v", got)
	}
}
