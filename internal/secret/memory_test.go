package secret

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAvailableMemory_isSomething(t *testing.T) {
	t.Parallel()
	if n := availableMemory(); n < 64<<20 {
		t.Errorf("%d bytes", n)
	}
}

func TestGroupMemory_takesTheLeastLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  uint64
		ok    bool
	}{
		{"none", nil, 0, false},
		{"no limit", map[string]string{"self": "0::/\n", "root/memory.max": "max\n"}, 0, false},
		{"container", map[string]string{"self": "0::/\n", "root/memory.max": "536870912\n"}, 512 << 20, true},
		{"unit in a slice", map[string]string{
			"self":                         "0::/system.slice/gatehouse.service\n",
			"root/system.slice/memory.max": "1073741824\n",
			"root/system.slice/gatehouse.service/memory.max": "max\n",
		}, 1 << 30, true},
		{"version 1", map[string]string{"self": "5:memory:/\n", "root/memory/memory.limit_in_bytes": "268435456\n"}, 256 << 20, true},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, ok := groupMemory(filepath.Join(dir, "self"), filepath.Join(dir, "root")); got != c.want || ok != c.ok {
			t.Errorf("%s: %d, %v", c.name, got, ok)
		}
	}
}
