package demo

import (
	"container/heap"
	"time"
)

// An entry is something that will be done at its time.
type entry struct {
	at    time.Time
	order int // of entries of the same time
	do    func() error
}

// An agenda holds what is still to be done, the first first.
type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].order < a[j].order
	}
	return a[i].at.Before(a[j].at)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push and Pop are for container/heap.
func (a *agenda) Push(e any) { *a = append(*a, e.(entry)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	*a = (*a)[:last]
	return e
}

// plan puts something on the agenda.
func (h *house) plan(at time.Time, do func() error) {
	h.planned++
	heap.Push(&h.agenda, entry{at.Truncate(time.Microsecond), h.planned, do})
}

// soon puts something on the agenda for a while after now.
func (h *house) soon(after time.Duration, do func() error) { h.plan(h.clock.Add(after), do) }

// live does what is on the agenda, one after the other, until the end.
func (h *house) live(end time.Time) error {
	for len(h.agenda) > 0 {
		next := heap.Pop(&h.agenda).(entry)
		if next.at.After(end) {
			return nil
		}
		h.clock = next.at
		if err := next.do(); err != nil {
			return err
		}
	}
	return nil
}
