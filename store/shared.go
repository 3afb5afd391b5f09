package store

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// sharedDeadline bounds a shared statement: it is nobody's own, so nobody's context ends it.
const sharedDeadline = 5 * time.Second

// A sharedRead answers those who ask at the same time with one statement. Each answer comes from a statement that began after
// its question came, so it is as true as one of its own would be (security.md rule 4): one statement runs at a time, and the
// questions that come meanwhile are the next one. Whoever asks alone waits for nobody.
type sharedRead[K comparable, V any] struct {
	queue[*question[K, V]]
	// read returns what is known of the keys, by their place; what is not known is left out.
	read func(ctx context.Context, keys []K) (map[int]V, error)
	// alone is for a transaction: nobody else is in it, and what it reads is its own.
	alone bool
}

func newSharedRead[K comparable, V any](alone bool, read func(ctx context.Context, keys []K) (map[int]V, error)) *sharedRead[K, V] {
	r := &sharedRead[K, V]{read: read, alone: alone}
	r.work = r.answer
	return r
}

type question[K comparable, V any] struct {
	key    K
	answer V
	known  bool
	err    error
	done   chan struct{}
}

// get returns what is known of the key.
func (r *sharedRead[K, V]) get(ctx context.Context, key K) (answer V, known bool, err error) {
	if r.alone {
		answers, err := r.read(ctx, []K{key})
		answer, known = answers[0]
		return answer, known, err
	}
	q := &question[K, V]{key: key, done: make(chan struct{})}
	if err := r.add(q); err != nil {
		return answer, false, err
	}
	select {
	case <-q.done:
		return q.answer, q.known, q.err
	case <-ctx.Done():
		return answer, false, failure("", ctx.Err())
	}
}

func (r *sharedRead[K, V]) answer(batch []*question[K, V]) {
	keys := make([]K, 0, len(batch))
	places := make(map[K]int, len(batch))
	for _, q := range batch {
		if _, asked := places[q.key]; !asked {
			places[q.key] = len(keys)
			keys = append(keys, q.key)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), sharedDeadline)
	answers, err := r.read(ctx, keys)
	cancel()
	for _, q := range batch {
		q.answer, q.known = answers[places[q.key]]
		q.err = err
		close(q.done)
	}
}

// keyed begins a statement that joins k, the keys: a row for each, with its place in n and its parts in the named columns.
// There is one text for every power of two, so that few are prepared; the last key fills up.
func keyed(columns ...string) func(keys [][]string) (with string, args []any) {
	texts := map[int]string{}
	for size := 1; size <= maxTogether; size *= 2 {
		var b strings.Builder
		b.WriteString("WITH k (n, " + strings.Join(columns, ", ") + ") AS (VALUES ")
		for n := range size {
			if n > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + strconv.Itoa(n))
			for i := range columns {
				b.WriteString(", $" + strconv.Itoa(n*len(columns)+i+1))
			}
			b.WriteString(")")
		}
		b.WriteString(") ")
		texts[size] = b.String()
	}
	return func(keys [][]string) (string, []any) {
		size := 1
		for size < len(keys) {
			size *= 2
		}
		args := make([]any, 0, size*len(columns))
		for n := range size {
			for _, part := range keys[min(n, len(keys)-1)] {
				args = append(args, part)
			}
		}
		return texts[size], args
	}
}
