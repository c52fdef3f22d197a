package suite

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// ThisMachine describes the machine. What it does not find stays zero.
func ThisMachine() result.Machine {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	return result.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Memory: kib << 10, Kernel: text("/proc/sys/kernel/osrelease"), Go: runtime.Version(),
		Governor:   text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		LoadBefore: load(), LoadAfter: load(),
	}
}

// field returns the first value of a key in a file like /proc/cpuinfo.
func field(file, key string) string {
	for line := range strings.Lines(text(file)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// text returns what a file holds, without space around it; of none, nothing.
func text(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// load returns the load average of the last minute.
func load() float64 {
	first, _, _ := strings.Cut(text("/proc/loadavg"), " ")
	x, _ := strconv.ParseFloat(first, 64)
	return x
}

// versions returns those of the modules of these paths that this program is built of.
func versions(modules []string) map[string]string {
	m := map[string]string{}
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, d := range bi.Deps {
			if slices.Contains(modules, d.Path) && d.Replace == nil { // what stands here has the version of the commit
				m[d.Path] = d.Version
			}
		}
	}
	return m
}

// revision asks git which commit is checked out and whether files differ from it.
func revision(ctx context.Context) (commit string, dirty bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "", false
	}
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output()
	return strings.TrimSpace(string(out)), err == nil && len(changed) > 0
}
