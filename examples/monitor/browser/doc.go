// Package browser tests the monitor page in a real browser, Chromium without a window, driven
// by Node: monitor.mjs has the scenarios. The tests bring playwright-core from npm, at the
// version that package.json pins; Node, npm and Chromium they expect in PATH.
package browser
