// Package clients tries geist with real clients over the loopback: curl with ranges and
// resumed downloads, h2load and wrk for load without errors. It has tests only, which
// want curl, h2load and wrk in PATH; .ci/setup installs them.
package clients
