package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/policy"
)

const (
	latency = `name: a, quantile: {metric: h, q: "0.99"}, unit: seconds`
	queue   = "name: a, query: up"
)

func TestAnSLOTakesItsSenseFromTheCells(t *testing.T) {
	for text, want := range map[string]judge.SLO{
		ratio + ", slo: 0.1%, rollback: {above: 5%}":                           {Than: judge.AtMost, Value: 0.001},
		ratio + ", slo: 70%, consider: {below: 50%}":                           {Than: judge.AtLeast, Value: 0.7},
		ratio + ", slo: 70%, consider: {fallsBelowBaselineBy: 30%}":            {Than: judge.AtLeast, Value: 0.7},
		latency + ", slo: 100ms, investigate: {risesAboveBaselineBy: 20%}":     {Than: judge.AtMost, Value: 0.1},
		queue + ", slo: '-1.5', canary: {above: '3'}":                          {Than: judge.AtMost, Value: -1.5},
		ratio + ", slo: '> 70%'":                                               {Than: judge.Above, Value: 0.7},
		ratio + ", slo: '>=100%'":                                              {Than: judge.AtLeast, Value: 1},
		ratio + ", slo: '< 0.1%', consider: {below: 1%}":                       {Than: judge.Below, Value: 0.001},
		latency + ", slo: '<= 1m30s'":                                          {Than: judge.AtMost, Value: 90},
		"name: a, rate: {metric: m}, slo: '>= 100'":                            {Than: judge.AtLeast, Value: 100},
		queue + ", slo: '< 100', consider: {above: '3'}, canary: {below: '1'}": {Than: judge.Below, Value: 100},
	} {
		if diff := cmp.Diff(&want, parse(t, one(text)).Matrix.Rows[0].SLO); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	if got := parse(t, one(ratio+", rollback: {above: 5%}")).Matrix.Rows[0].SLO; got != nil {
		t.Errorf("an SLO out of nothing: %+v", got)
	}
}

func TestRefusesAnSLOThatSaysNothing(t *testing.T) {
	const facts = "spec.signals[0].slo: is for what is measured over a window: ratio, quantile, rate or query; leave it out"
	for text, want := range map[string]string{
		ratio + ", slo: 100ms":    `spec.signals[0].slo: "100ms" is no percentage; write it from 0% to 100%, such as 5%`,
		ratio + ", slo: '<= 0.1'": `spec.signals[0].slo: "0.1" is no percentage`,
		latency + ", slo: '< 5%'": `spec.signals[0].slo: "5%" is no duration; a bound in seconds is written such as 200ms or 1.5s`,
		queue + ", slo: '< 5s'":   `spec.signals[0].slo: "5s" is no number`,
		ratio + ", slo: 0.1%":     `spec.signals[0].slo: "0.1%": the signal's cells do not say which side of it is better; write "<= 0.1%" or ">= 0.1%"`,
		ratio + ", slo: 1%, consider: {below: 1%}, rollback: {above: 2%}": `do not say which side of it is better`,
		ratio + ", slo: '= 1%'": `spec.signals[0].slo: "= 1%" is no SLO; write a bound, such as "<= 0.1%"`,
		latency + ", slo: '<'":  `spec.signals[0].slo: "<" is no SLO; write a bound, such as "<= 100ms"`,
		`name: a, quantile: {metric: h, q: "0.99"}, unit: milliseconds, slo: '<'`: `write a bound, such as "<= 100ms"`,
		ratio + ", slo: '< 0%'":                      `spec.signals[0].slo: "< 0%" can never be met; write <= instead`,
		ratio + ", slo: '> 100%'":                    `spec.signals[0].slo: "> 100%" can never be met; write >= instead`,
		"name: a, kubernetes: Available, slo: 100%":  "spec.signals[0].slo: what Kubernetes said is not kept for a window; leave it out, and give one to a ratio of the requests that succeed",
		"name: a, kubernetes: OOMKills, slo: '<= 0'": facts,
		"name: a, alert: {name: A}, slo: '<= 0'":     facts,
		"name: a, report: security, slo: '<= 0'":     facts,
	} {
		plan, errs := policy.Parse(read(t, one(text)), defaults())
		if got := fmt.Sprintln(errs); plan != nil || !strings.Contains(got, want) {
			t.Errorf("%s: want %q in %s", text, want, got)
		}
	}
}
