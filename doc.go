// Package geist is a web framework for latency-critical and real-time APIs on fasthttp.
package geist
