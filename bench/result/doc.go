// Package result is what every scene of the suite writes and every report reads: a
// [Run] holds scenes, a [Scene] its contenders, a [Contender] one [Value] for each
// [Metric]. It is also the form of the files in bench/results.
//
// A scene adds samples, one a round, with [Contender.Add], and calls [Scene.Fail] for a
// contender that cannot be measured any longer. [Scene.Summarise] makes medians and ratios
// of them. Nothing here measures, and nothing here is safe for concurrent use.
package result
