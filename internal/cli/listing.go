package cli

import (
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// listing is a verdict as programs like it: its bins are lists of numbers, where a Release keeps lines.
type listing struct {
	judge.Verdict
	Evidence []evidence `json:"evidence,omitempty"`
}

type evidence struct {
	judge.Evidence
	Bins        []signal.Bin `json:"bins,omitempty"`
	Attribution *attribution `json:"attribution,omitempty"`
}

type attribution struct {
	judge.Attribution
	Bins []signal.Bin `json:"bins,omitempty"`
}

func listOf(v judge.Verdict) listing {
	l := listing{Verdict: v}
	for _, e := range v.Evidence {
		x := evidence{Evidence: e, Bins: e.Bins}
		if e.Attribution != nil {
			x.Attribution = &attribution{*e.Attribution, e.Attribution.Bins}
		}
		l.Evidence = append(l.Evidence, x)
	}
	return l
}
