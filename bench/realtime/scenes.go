//go:build linux

package realtime

import (
	"slices"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// repeats reports whether the servers do nothing in the scene of a name that they do not do
// in others: sizes of rooms and of bursts in another combination.
func repeats(name string) bool {
	return slices.Contains([]string{
		"ws/fanout/100x1", "ws/fanout/1000x1", "ws/fanout/10x16", "ws/fanout/100x16", "sse/fanout/1000x1", "sse/fanout/10x16",
		"sse/growth/connections", "sse/growth/rooms", "sse/growth/size", "ws/growth/connections", "ws/growth/rooms",
		"ws/fanout/10000x16", "sse/fanout/10000x1", "sse/fanout/10000x16",
	}, name)
}

// All returns every scene.
func All() []Scene {
	var all []Scene
	for _, burst := range []int{1, bursts} {
		for _, size := range []int{10, 100, 1000} {
			all = append(all, fanout("ws", sockets, size, burst))
		}
		all = append(all, hall("ws", sockets, burst))
	}
	all = append(all, echoScene(), crowdScene(), churnScene(), resumeScene("ws", wire.Geist, wire.Centrifuge), stalledScene("ws", sockets), hold("ws", sockets))
	all = append(all, growthScenes("ws", sockets)...)
	for _, burst := range []int{1, bursts} {
		for _, size := range []int{10, 1000} {
			all = append(all, fanout("sse", streams, size, burst))
		}
		all = append(all, hall("sse", streams, burst))
	}
	all = append(all, resumeScene("sse", wire.EventStream, wire.CentrifugeStream), stalledScene("sse", streams), hold("sse", streams))
	all = append(all, growthScenes("sse", streams)...)
	for i := range all {
		all[i].Repeats = repeats(all[i].Name)
	}
	return all
}
