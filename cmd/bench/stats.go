package main

import (
	"math/bits"
	"slices"
	"time"
)

// precision is how many bits of a latency a histogram keeps: it errs by less than one in 2^precision.
const precision = 7

// A histogram counts latencies in buckets whose width grows with the latency, so that an hour of them takes no more room
// than a second.
type histogram struct {
	buckets [(64 - precision + 1) << precision]uint64
	n       uint64
}

// bucketOf numbers the buckets: the first hold one nanosecond each, and every doubling has as many as the one before.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-precision-1, 0)
	return shift<<precision + int(v>>shift)
}

// middleOf is the latency in the middle of a bucket.
func middleOf(bucket int) time.Duration {
	if bucket < 2<<precision {
		return time.Duration(bucket)
	}
	shift := bucket>>precision - 1
	low := uint64(bucket-shift<<precision) << shift
	return time.Duration(low + 1<<shift/2)
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.n++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
	h.n += other.n
}

// percentile is the latency that p of a hundred did not exceed; 0 if there were none.
func (h *histogram) percentile(p float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := min(max(uint64(p/100*float64(h.n)+0.5), 1), h.n)
	for i, n := range h.buckets {
		if n >= rank {
			return middleOf(i)
		}
		rank -= n
	}
	return 0
}

// median is the middle one, or the mean of the middle two; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
