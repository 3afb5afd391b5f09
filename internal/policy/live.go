package policy

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
)

// Pin is what a flag, a variable or the configuration file says of a setting: the database cannot change it.
type Pin struct{ Text, Source string }

// Live is the policy as it is now. Reading it costs one atomic load. It is safe for concurrent use.
type Live struct {
	pins map[string]Pin
	now  atomic.Pointer[State]

	mu      sync.Mutex
	changed []func(*Settings)
}

// State is a policy with where it comes from.
type State struct {
	Settings
	Revision string            // of what the database says; empty until it was read
	Stored   map[string]string // by name
	Faults   fault.Fields      // what the database says and cannot be
}

// New is a policy of which nothing has been read from the database. The pins are by name.
func New(pins map[string]Pin) (*Live, error) {
	l := &Live{pins: pins}
	for name, pin := range pins {
		f, known := FieldByName(name)
		if !known {
			return nil, fmt.Errorf("%s pins a setting that there is not: %s", pin.Source, name)
		}
		if err := f.Check(pin.Text, false); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", pin.Source, pin.Text, err)
		}
	}
	l.now.Store(l.state("", nil))
	return l, nil
}

// Now is the policy as it is. It is not to be changed.
func (l *Live) Now() *Settings { return &l.now.Load().Settings }

// State is the policy as it is, and where it comes from. It is not to be changed.
func (l *Live) State() *State { return l.now.Load() }

// OnChange has fn told of the settings, now and whenever they change.
func (l *Live) OnChange(fn func(*Settings)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = append(l.changed, fn)
	fn(l.Now())
}

// Adopt takes over what the database says. It reports whether that was news.
func (l *Live) Adopt(revision string, stored map[string]string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.Load().Revision == revision {
		return false
	}
	next := l.state(revision, stored)
	l.now.Store(next)
	for _, fn := range l.changed {
		fn(&next.Settings)
	}
	return true
}

// state puts the policy together. What the database says and cannot be, a newer version may have written: it is left out.
func (l *Live) state(revision string, stored map[string]string) *State {
	s := &State{Settings: Defaults(), Revision: revision, Stored: stored, Faults: fault.Fields{}}
	for _, f := range Fields {
		if pin, pinned := l.pins[f.Name]; pinned {
			_ = f.set(&s.Settings, pin.Text, false) // New has tried it
		} else if text, known := stored[f.Name]; known {
			if err := f.set(&s.Settings, text, true); err != nil {
				s.Faults[f.Name] = err.Error()
			}
		}
	}
	s.bind()
	return s
}

// With is what the settings would be if these were kept besides, by name; an empty value is the default.
func (l *Live) With(kept map[string]string) *Settings {
	stored := maps.Clone(l.State().Stored)
	if stored == nil {
		stored = map[string]string{}
	}
	for name, text := range kept {
		if stored[name] = text; text == "" {
			delete(stored, name)
		}
	}
	return &l.state("", stored).Settings
}

// Source says where the setting comes from: "default", "database", or what pins it.
func (l *Live) Source(name string) string {
	if pin, pinned := l.pins[name]; pinned {
		return pin.Source
	}
	s := l.State()
	if _, stored := s.Stored[name]; stored && s.Faults[name] == "" {
		return "database"
	}
	return "default"
}

// Pinned tells what pins the setting, if anything does.
func (l *Live) Pinned(name string) (Pin, bool) {
	pin, pinned := l.pins[name]
	return pin, pinned
}

// Try is the policy as it would be with these texts, by name. What cannot be stays as it is.
func (l *Live) Try(texts map[string]string) Settings {
	next := l.State().Settings
	for name, text := range texts {
		if f, known := FieldByName(name); known {
			_ = f.settle(l, &next, text)
		}
	}
	return next
}

// settle sets the text unless something pins the field; an empty one asks for the default.
func (f Field) settle(l *Live, next *Settings, text string) error {
	if pin, pinned := l.pins[f.Name]; pinned {
		if text != f.Text(next) {
			return problem("It is set by " + pin.Source + ", which wins.")
		}
		return nil
	}
	if text == "" {
		text = f.Default()
	}
	return f.set(next, text, true)
}

// Changed finds out what differs of the texts, by name: what is to be kept, where an empty value is the default, which is not kept,
// what it was and shall be, and what cannot be. An empty text asks for the default.
func (l *Live) Changed(texts map[string]string) (kept map[string]string, diff map[string]audit.Change, faults fault.Fields) {
	was := l.State()
	kept, diff, faults = map[string]string{}, map[string]audit.Change{}, fault.Fields{}
	next := was.Settings
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, known := FieldByName(name)
		if !known {
			faults.Add(name, "There is no such setting.")
			continue
		}
		if err := f.settle(l, &next, texts[name]); err != nil {
			faults.Add(name, err.Error())
		}
	}
	across := faultsAcross(&next)
	for name, text := range texts {
		f, known := FieldByName(name)
		if !known {
			continue
		}
		before, after := f.Text(&was.Settings), f.Text(&next)
		_, stored := was.Stored[name]
		if before == after && (text != "" || !stored) {
			continue
		}
		if message := across[name]; message != "" { // else it is bound by what it is part of
			faults.Add(name, message)
		}
		diff[name] = audit.Change{Before: before, After: after}
		if kept[name] = after; text == "" || after == f.Default() && f.loopback == nil {
			kept[name] = ""
		}
	}
	return kept, diff, faults
}
