package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, expected %v", c.values, got, c.want)
		}
	}
	values := []float64{3, 1, 2}
	if median(values); !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("they were put in order: %v", values)
	}
}

// Every latency lands in a bucket whose middle is within one in 2^precision of it, and buckets ascend without a gap.
func TestHistogram_buckets(t *testing.T) {
	t.Parallel()
	var h histogram
	for _, d := range []time.Duration{0, 1, 255, 256, 257, 511, 512, 1000, time.Microsecond, time.Millisecond, time.Second, time.Hour, math.MaxInt64} {
		b := bucketOf(d)
		if b >= len(h.buckets) {
			t.Fatalf("%d has bucket %d of %d", d, b, len(h.buckets))
		}
		if off := math.Abs(float64(middleOf(b) - d)); off > float64(d)/(1<<precision) {
			t.Errorf("%d is kept as %d", d, middleOf(b))
		}
	}
	for b := range 20 << precision {
		if got := bucketOf(middleOf(b)); got != b {
			t.Fatalf("the middle of bucket %d is in %d", b, got)
		}
	}
	for d := time.Duration(1); d < 1<<16; d++ {
		if step := bucketOf(d) - bucketOf(d-1); step != 0 && step != 1 {
			t.Fatalf("%d is %d buckets on", d, step)
		}
	}
}

func TestHistogram_percentile(t *testing.T) {
	t.Parallel()
	var none histogram
	if none.percentile(99) != 0 {
		t.Error("of nothing")
	}
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, 10_000)
	parts := make([]histogram, 3)
	for i := range values {
		values[i] = time.Duration(math.Exp(random.NormFloat64()) * float64(time.Millisecond))
		parts[i%len(parts)].add(values[i])
	}
	slices.Sort(values)
	var all histogram
	for i := range parts {
		all.merge(&parts[i])
	}
	for _, p := range []float64{0, 1, 50, 90, 99, 99.9, 100} {
		want := values[max(int(p/100*float64(len(values))+0.5), 1)-1]
		if got := all.percentile(p); math.Abs(float64(got-want)) > float64(want)/(1<<precision) {
			t.Errorf("p%v is %s, expected %s", p, got, want)
		}
	}
}
