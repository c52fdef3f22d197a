package main

import (
	"context"
	"flag"

	"github.com/gogeist/geist/bench/capacity"
	"github.com/gogeist/geist/bench/render"
)

// capacityCommand computes what a load needs, with the reader's assumptions.
func capacityCommand(_ context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("capacity", flag.ContinueOnError)
	a := capacity.Default()
	fs.StringVar(&a.Machine.Name, "machine", a.Machine.Name, "the `name` of the machine, for the table")
	fs.IntVar(&a.Machine.Cores, "cores", a.Machine.Cores, "its cores")
	fs.Float64Var(&a.Machine.Memory, "memory", a.Machine.Memory, "its memory, `GiB`")
	fs.Float64Var(&a.Machine.Price, "price", a.Machine.Price, "its price an hour, `USD`")
	fs.Float64Var(&a.Headroom, "headroom", a.Headroom, "the `share` of a machine that stays free")
	fs.Float64Var(&a.Hours, "hours", a.Hours, "hours a month")
	fs.Float64Var(&a.Requests, "requests", a.Requests, "requests a second")
	fs.Float64Var(&a.Connections, "connections", a.Connections, "connections")
	fs.Float64Var(&a.Deliveries, "deliveries", a.Deliveries, "messages to each connection a second")
	fs.Float64Var(&a.Kernel, "kernel", a.Kernel, "the kernel's memory for a connection, `KiB`")
	rest, helped, err := parse(c, fs, args, "results.json…")
	if err != nil || helped {
		return err
	}
	if err := a.Check(); err != nil {
		return err
	}
	run, err := merged(rest)
	if err != nil {
		return err
	}
	render.Capacity(c.out, run, a)
	return nil
}
