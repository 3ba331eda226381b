package stage

import (
	_ "embed"
	"strings"
	"text/template"
)

// Terms are what tests change about the policy. Durations are Go's.
type Terms struct {
	Mode           string // default Enforce
	For            string // how long the rollback bounds last; default 6s
	Active         string // until of the window "active"; default 30s
	Every          string // of its checks; default 5s
	Enhanced       string // until of the window "enhanced"; default 60s
	EnhancedEvery  string // default 10s
	OnCanary       bool
	ProofWithin    string // default 30s
	WatchStableFor string // default 5s
	KeepCandidate  string // default 10m
	EpisodeClear   string // default 10s
	Routes         []string
	AutomaticFor   string // default 24h
	Health         string // the URL of a health endpoint; default none
}

//go:embed policy.yaml.tmpl
var policyTemplate string

// Policy gives the lab's policy: KnowledgeBeast's matrix with bounds of seconds, since nobody wants to
// wait for five minutes. $NAMESPACE and $NAME stand for the stage's.
func Policy(t Terms) string {
	for field, value := range map[*string]string{&t.Mode: "Enforce", &t.For: "6s", &t.Active: "30s", &t.Every: "5s", &t.Enhanced: "60s",
		&t.EnhancedEvery: "10s", &t.ProofWithin: "30s", &t.WatchStableFor: "5s", &t.KeepCandidate: "10m", &t.EpisodeClear: "10s", &t.AutomaticFor: "24h"} {
		if *field == "" {
			*field = value
		}
	}
	var text strings.Builder
	if err := template.Must(template.New("policy").Parse(policyTemplate)).Execute(&text, t); err != nil {
		panic(err) // the template and its data are both ours
	}
	return text.String()
}
