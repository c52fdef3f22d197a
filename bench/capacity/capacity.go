// Package capacity computes how many machines a load needs, and what they cost, from unit
// costs that a run has measured. It measures nothing and knows no cloud: prices and machines are
// assumptions that the reader changes.
//
//	cores    = requests/s × µs a request ÷ 10⁶             for requests
//	cores    = connections × deliveries/s × µs a delivery ÷ 10⁶
//	memory   = connections × (KiB of the process + KiB of the kernel)
//	machines = the larger of cores and memory over those of a machine, less headroom, rounded up
//	cost     = machines × price an hour × hours a month
//
// Costs are taken to grow in proportion. That is what the scenes growth/* judge; balancers, TLS,
// databases and logs are not in it. A core of the machine that was measured is taken for a core of
// the machine that is rented, so that what carries over is the ratio of two rows, not a row.
package capacity

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gogeist/geist/bench/result"
)

// A Machine is what can be rented.
type Machine struct {
	// Name is how it is called.
	Name string
	// Cores is how many it has; Memory is in GiB.
	Cores  int
	Memory float64
	// Price is that of an hour, in US dollars.
	Price float64
}

// Assumptions are what a calculation takes for granted. Every field counts as it is: there is
// no default for zero but that of [Default].
type Assumptions struct {
	Machine Machine
	// Headroom is the share of a machine, from 0 to less than 1, that is kept free for peaks,
	// for deployments and for the failure of other machines.
	Headroom float64
	// Requests is how many arrive each second.
	Requests float64
	// Connections is how many are held; Deliveries how many messages each receives a second.
	Connections, Deliveries float64
	// Kernel is the KiB that the kernel needs for an idle connection, beside the process.
	Kernel float64
	// Hours is how long a month is.
	Hours float64
}

// Default returns the assumptions that reports are made with: a million of each, on a general
// machine of four cores whose price is an example and that of nobody.
func Default() Assumptions {
	return Assumptions{
		Machine:  Machine{Name: "general purpose", Cores: 4, Memory: 16, Price: 0.2},
		Headroom: 0.5, Requests: 1e6, Connections: 1e6, Deliveries: 0.1, Kernel: 4, Hours: 730,
	}
}

// Check returns what is wrong with the assumptions, or nil.
func (a Assumptions) Check() error {
	for _, f := range []struct {
		name     string
		v, least float64
	}{
		{"cores", float64(a.Machine.Cores), 1}, {"memory", a.Machine.Memory, 0.001}, {"price", a.Machine.Price, 0},
		{"headroom", a.Headroom, 0}, {"requests", a.Requests, 1}, {"connections", a.Connections, 1},
		{"deliveries", a.Deliveries, 0}, {"kernel", a.Kernel, 0}, {"hours", a.Hours, 1},
	} {
		if !(f.v >= f.least) || math.IsInf(f.v, 0) { // NaN as well
			return fmt.Errorf("%s is %v: want at least %v", f.name, f.v, f.least)
		}
	}
	if a.Headroom >= 1 {
		return fmt.Errorf("headroom is %v: want less than 1, the whole machine", a.Headroom)
	}
	return nil
}

// A Limit is what a machine runs out of first.
type Limit string

const (
	// Processor is the limit of those who compute more than they keep.
	Processor Limit = "processor"
	// Memory is the limit of those who keep more than they compute.
	Memory Limit = "memory"
)

// A Need is what a load takes.
type Need struct {
	// Cores and Memory, in GiB, are all that is used.
	Cores, Memory result.Estimate
	// Machines are whole, at least one.
	Machines result.Estimate
	// Cost is that of a month, in US dollars.
	Cost result.Estimate
	// Limit is what decides.
	Limit Limit

	share float64 // machines before they are rounded up
}

// Over returns how many times the machines of other n needs, before they are rounded up.
func (n Need) Over(other Need) float64 {
	if other.share == 0 {
		return 0
	}
	return n.share / other.share
}

// Serve returns what the requests need, of which each takes cpu microseconds.
func (a Assumptions) Serve(cpu result.Estimate) Need {
	return a.need(times(cpu, a.Requests/1e6), result.Estimate{})
}

// Hold returns what the connections need, of which each takes memory KiB in the process and
// each delivery cpu microseconds.
func (a Assumptions) Hold(memory, cpu result.Estimate) Need {
	const kibInGiB = 1 << 20
	kernel := result.Estimate{Median: a.Kernel, Low: a.Kernel, High: a.Kernel}
	return a.need(times(cpu, a.Connections*a.Deliveries/1e6), times(plus(memory, kernel), a.Connections/kibInGiB))
}

func (a Assumptions) need(cores, memory result.Estimate) Need {
	free := 1 - a.Headroom
	byCores := times(cores, 1/(free*float64(a.Machine.Cores)))
	byMemory := times(memory, 1/(free*a.Machine.Memory))
	n := Need{Cores: cores, Memory: memory, Limit: Processor, share: max(byCores.Median, byMemory.Median)}
	if byMemory.Median > byCores.Median {
		n.Limit = Memory
	}
	n.Machines = result.Estimate{
		Median: whole(byCores.Median, byMemory.Median), Low: whole(byCores.Low, byMemory.Low), High: whole(byCores.High, byMemory.High),
	}
	n.Cost = times(n.Machines, a.Machine.Price*a.Hours)
	return n
}

// whole is the larger, rounded up. What is below a whole by the error of a float is whole.
func whole(x, y float64) float64 { return max(math.Ceil(max(x, y)-1e-9), 1) }

func times(e result.Estimate, by float64) result.Estimate {
	return result.Estimate{Median: e.Median * by, Low: e.Low * by, High: e.High * by}
}

func plus(e, f result.Estimate) result.Estimate {
	return result.Estimate{Median: e.Median + f.Median, Low: e.Low + f.Low, High: e.High + f.High}
}

// byCost is the order of a table's rows.
func byCost(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Need.share, b.Need.share), cmp.Compare(a.Peer, b.Peer))
}
