package store

import (
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// newID makes an id that sorts by the time of its making.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func orNewID(id string) string {
	if id == "" {
		return newID()
	}
	return id
}

// idsMade tells ids of the same microsecond apart, in their order.
var idsMade atomic.Uint32

// idAt makes a UUIDv7 that sorts by the given time and, within a process, by the order of making: milliseconds, their fraction
// (RFC 9562 §6.2, method 3), a counter of 22 bits, 40 random bits.
func idAt(at time.Time) string {
	id := firstIDAt(at)
	micro := max(at.UnixMicro(), 0)
	fraction, n := micro%1000*4096/1000, idsMade.Add(1)
	id[6] |= byte(fraction >> 8)
	id[7] = byte(fraction)
	id[8] |= byte(n >> 16 & 0x3f)
	id[9], id[10] = byte(n>>8), byte(n)
	_, _ = rand.Read(id[11:]) // it never fails
	return id.String()
}

// firstIDAt is the least UUIDv7 of the millisecond.
func firstIDAt(at time.Time) (id uuid.UUID) {
	milli := max(at.UnixMicro(), 0) / 1000
	for i := range 6 {
		id[i] = byte(milli >> (8 * (5 - i)))
	}
	id[6], id[8] = 0x70, 0x80 // version and variant
	return id
}

// timeOfID is the time of a UUIDv7, to the millisecond; not ok of what is none.
func timeOfID(id string) (at time.Time, ok bool) {
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != 36 || parsed.Version() != 7 {
		return at, false
	}
	var milli int64
	for _, b := range parsed[:6] {
		milli = milli<<8 | int64(b)
	}
	return time.UnixMilli(milli).UTC(), true
}
