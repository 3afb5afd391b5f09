package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

// build tells which program this is.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

func thisBuild() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok { // built without our build's stamps
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				b.Commit = cmp.Or(b.Commit, setting.Value[:min(12, len(setting.Value))])
			}
		}
	}
	b.Version, b.Commit = cmp.Or(b.Version, "dev"), cmp.Or(b.Commit, "unknown")
	return b
}

func (versionCommand) Run(p *process) error {
	b := thisBuild()
	return p.say(b, "gatehouse %s (commit %s, %s)", b.Version, b.Commit, b.Go)
}
