package web

import (
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/report"
)

// reports are the releases' reports: each made once for each change of its release.
type reports struct {
	one func(namespace, name string) (report.Release, string, bool)

	mu   sync.Mutex
	kept map[[2]string]written
}

// written is a report, and the version of the release that it tells of.
type written struct {
	version string
	sheet   sheet
}

// sheet gives the report of an active release; ok is false where there is none.
func (x *reports) sheet(namespace, name string) (s sheet, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := [2]string{namespace, name}
	r, version, ok := x.one(namespace, name)
	if !ok {
		delete(x.kept, key)
		return sheet{}, false
	}
	if w, ok := x.kept[key]; ok && w.version == version {
		return w.sheet, true
	}
	if x.kept == nil || len(x.kept) >= mostSheets {
		x.kept = map[[2]string]written{}
	}
	s = newSheet([]byte(report.Text(r)))
	x.kept[key] = written{version: version, sheet: s}
	return s, true
}
