package identity

import (
	"net/netip"
	"time"
)

// Brute force (security.md rule 15).
const (
	FreeFailures      = 4   // wrong passwords for one account from one network before anybody has to wait
	MaxPause          = 300 // seconds
	DailyFailureLimit = 100 // failures for one account in a day, after which only known devices may try a password
)

// What a Counter counts the failures of.
const (
	CountsNetwork = "network" // tries of strangers from one network
	CountsDay     = "day"     // those of all strangers in a day
	CountsBrowser = "browser" // tries in a browser that the person has used before
	CountsSession = "session" // tries of whoever is signed in, to prove it again
)

// Counter is what failures are counted under.
type Counter struct {
	Key     string // a MAC: names that are only tried are never stored (security.md rule 14)
	Kind    string
	UserID  string // whose account it is about; empty where it is nobody's
	Network string // empty where it counts those of several
}

// Pause is how long the next try has to wait after this many failures: nothing up to the fourth, then 1, 2, 4 … 300 seconds.
func Pause(failures int64) time.Duration {
	if failures <= FreeFailures {
		return 0
	}
	seconds := int64(MaxPause)
	if shift := failures - FreeFailures - 1; shift < 9 {
		seconds = min(int64(1)<<shift, MaxPause)
	}
	return time.Duration(seconds) * time.Second
}

// Network is the part of an address that one household or office shares: /24 of IPv4, /64 of IPv6. Anything that is no
// address is returned as it is.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ip
	}
	return prefix.String()
}
