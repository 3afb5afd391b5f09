package policy

import "testing"

func TestSeconds_areReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int64{0, 1, 59, 60, 90, 900, 3600, 5400, 86400, 30 * 86400, 31*86400 + 61} {
		if got := ParseSeconds(FormatSeconds(seconds)); got != seconds {
			t.Errorf("%d is written %q and read %d", seconds, FormatSeconds(seconds), got)
		}
	}
	for _, text := range []string{"0", "0s", "15", "forever", "1500ms", "-15m", "1.5d", "65535d2000000h"} {
		if got := ParseSeconds(text); got >= 0 {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	if got := ParseSeconds(" 15m "); got != 900 {
		t.Errorf("spaces around: %d", got)
	}
}
