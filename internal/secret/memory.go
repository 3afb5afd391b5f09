package secret

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// assumedMemory is what we take for granted where the system does not say.
const assumedMemory = 1 << 30

// availableMemory returns the bytes this process may use: the machine's memory, or less where its control
// group (container, systemd unit) or GOMEMLIMIT says so.
func availableMemory() uint64 {
	available := uint64(math.MaxUint64)
	if n, ok := machineMemory("/proc/meminfo"); ok {
		available = n
	}
	if n, ok := groupMemory("/proc/self/cgroup", "/sys/fs/cgroup"); ok {
		available = min(available, n)
	}
	if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 { // a negative limit only asks
		available = min(available, uint64(n))
	}
	if available == math.MaxUint64 {
		return assumedMemory
	}
	return available
}

func machineMemory(file string) (uint64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			return kib * 1024, err == nil
		}
	}
	return 0, false
}

// groupMemory returns the least limit on the way from this process's control group up to the root (version 2;
// version 1 keeps a container's own at the root).
func groupMemory(self, root string) (least uint64, ok bool) {
	group := "/"
	if text, err := os.ReadFile(self); err == nil {
		for line := range strings.Lines(string(text)) {
			if p, found := strings.CutPrefix(strings.TrimSpace(line), "0::/"); found {
				group = path.Clean("/" + p)
			}
		}
	}
	files := []string{path.Join(root, "memory/memory.limit_in_bytes")}
	for ; group != "/"; group = path.Dir(group) {
		files = append(files, path.Join(root, group, "memory.max"))
	}
	files = append(files, path.Join(root, "memory.max"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no number, and no limit
		if err == nil && (!ok || n < least) {
			least, ok = n, true
		}
	}
	return least, ok
}
