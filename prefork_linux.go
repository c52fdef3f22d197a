//go:build linux && !mips && !mipsle && !mips64 && !mips64le

package geist

// soReusePort is SO_REUSEPORT, which package syscall lacks on most architectures.
const soReusePort = 0xf
