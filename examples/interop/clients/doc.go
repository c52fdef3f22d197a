// Package clients tries geist with real clients over the loopback: curl with ranges and
// resumed downloads, h2load and wrk for load without errors, streams of events behind
// nginx and in the EventSource of Node, where there is one. It has tests only, which
// want curl, h2load, nginx and wrk in PATH; .ci/setup installs them.
package clients
