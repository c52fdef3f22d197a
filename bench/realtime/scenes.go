//go:build linux

package realtime

import "github.com/gogeist/geist/bench/realtime/wire"

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
	return append(all, growthScenes("sse", streams)...)
}
