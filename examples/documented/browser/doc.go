// Package browser tests the pages of swagger/ui in a real browser, Chromium without a window,
// driven by Node, against the service of the directory above: pages.mjs has the scenarios.
package browser
