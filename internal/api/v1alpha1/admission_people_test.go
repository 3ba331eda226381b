package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// aRelease is an active release of which people have spoken.
const aRelease = `
apiVersion: greenwatch.dev/v1alpha1
kind: Release
metadata: {name: shop-%[1]d, namespace: %[2]s, labels: {greenwatch.dev/active: "true", greenwatch.dev/policy: shop}}
spec:
  policy: shop
  number: %[1]d
  firstSeen: "2026-01-01T00:00:00Z"
  candidate: {slot: green, revision: r2}
  stable: {slot: blue, revision: r1}
  service:
    virtualService: shop
    slots: [{name: blue, deployment: shop-blue, host: shop-blue}, {name: green, deployment: shop-green, host: shop-green}]
  people:
    hold: {by: olga, reason: looking, until: "2026-01-01T04:00:00Z"}
    decision: {by: olga, choice: Accept}
    reports:
    - {id: complaint-1, kind: complaint, by: olga, text: slow}
    - {id: complaint-2, kind: complaint, by: olga, text: slower, retracted: true}
    - {id: security-1, kind: security, by: alice, text: tokens}
`

// aStatus is one of a mode.
const aStatus = `{"status":{"mode":%q,"checks":0,"share":0,"story":0}}`

const (
	alone     = "written by greenwatch alone"
	nothing   = "people write spec.people of a release, nothing else of it"
	labels    = "by its labels greenwatch finds it"
	ownName   = "in one's own name; write by: alice"
	anothers  = "another's report can be retracted, not changed, removed or put back"
	olgas1    = `{"id":"complaint-1","kind":"complaint","by":"olga","text":"slow"}`
	olgas2    = `{"id":"complaint-2","kind":"complaint","by":"olga","text":"slower","retracted":true}`
	alices    = `{"id":"security-1","kind":"security","by":"alice","text":"tokens"}`
	retracted = `{"id":"complaint-1","kind":"complaint","by":"olga","text":"slow","retracted":true}`
)

func word(field string) string { return `{"spec":{"people":{` + field + `}}}` }

func reports(all ...string) string { return word(`"reports":[` + strings.Join(all, ",") + `]`) }

// Of a release people write their own words, in their own name, and nothing else.
func TestAdmissionLetsPeopleSpeakForThemselves(t *testing.T) {
	s := guarded(t)
	s.proveIn(t, release.Enforce, aRelease, ofReleases([]trial{
		{tries: "decides", patch: word(`"decision":{"by":"alice","choice":"Rollback"}`)},
		{tries: "decides in another's name", patch: word(`"decision":{"by":"olga","choice":"Rollback"}`), refused: "a decision is spoken " + ownName},
		{tries: "changes the reason of another's decision", patch: word(`"decision":{"reason":"because"}`), refused: "a decision is spoken " + ownName},
		{tries: "decides in greenwatch's name", patch: word(`"decision":{"by":"system:serviceaccount:greenwatch:greenwatch","choice":"Rollback"}`), refused: ownName},
		{tries: "takes another's decision back", patch: word(`"decision":null`)},
		{tries: "holds", patch: word(`"hold":{"by":"alice","until":"2026-01-01T08:00:00Z"}`)},
		{tries: "holds in another's name", patch: word(`"hold":{"by":"olga","reason":"x","until":"2026-01-01T08:00:00Z"}`), refused: "a hold is spoken " + ownName},
		{tries: "lengthens another's hold", patch: word(`"hold":{"until":"2026-01-01T09:00:00Z"}`), refused: "a hold is spoken " + ownName},
		{tries: "ends another's hold", patch: word(`"hold":null`)},
		{tries: "reports", patch: reports(olgas1, olgas2, alices, `{"id":"security-2","kind":"security","by":"alice"}`)},
		{tries: "reports in another's name", patch: reports(olgas1, olgas2, alices, `{"id":"security-2","kind":"security","by":"olga"}`), refused: "a report is made " + ownName},
		{tries: "puts the own report in another's name", patch: reports(olgas1, olgas2, strings.Replace(alices, "alice", "olga", 1)), refused: "a report is made " + ownName},
		{tries: "changes the own report", patch: reports(olgas1, olgas2, strings.Replace(alices, "tokens", "more tokens", 1))},
		{tries: "takes the own report away", patch: reports(olgas1, olgas2)},
		{tries: "retracts another's report", patch: reports(retracted, olgas2, alices)},
		{tries: "changes another's report", patch: reports(strings.Replace(olgas1, "slow", "fast", 1), olgas2, alices), refused: anothers},
		{tries: "changes another's report and retracts it", patch: reports(strings.Replace(retracted, "slow", "fast", 1), olgas2, alices), refused: anothers},
		{tries: "takes another's report away", patch: reports(olgas2, alices), refused: anothers},
		{tries: "makes another's report the own", patch: reports(strings.Replace(olgas1, "olga", "alice", 1), olgas2, alices), refused: anothers},
		{tries: "puts another's retracted report back", patch: reports(olgas1, strings.Replace(olgas2, "true", "false", 1), alices), refused: anothers},
		{tries: "takes all words away, another's reports too", patch: `{"spec":{"people":null}}`, refused: anothers},
		{who: olga, tries: "puts the own retracted report back", patch: reports(olgas1, strings.Replace(olgas2, "true", "false", 1), alices)},
		{tries: "writes the cutover 1971", patch: `{"spec":{"cutover":"1971-01-01T00:00:00Z"}}`, refused: "cutover lies before firstSeen"},
		{tries: "writes the cutover year 1", patch: `{"spec":{"cutover":"0001-01-01T00:00:00Z"}}`, refused: "cutover lies before firstSeen"},
		{tries: "writes the cutover year 9999", patch: `{"spec":{"cutover":"9999-01-01T00:00:00Z"}}`, refused: "spec.cutover"},
		{tries: "writes a cutover that may be", patch: `{"spec":{"cutover":"2026-01-01T00:01:00Z"}}`, refused: nothing},
		{who: lab.Greenwatch, tries: "writes the cutover", patch: `{"spec":{"cutover":"2026-01-01T00:01:00Z"}}`},
		{who: lab.Greenwatch, tries: "writes the cutover 1971", patch: `{"spec":{"cutover":"1971-01-01T00:00:00Z"}}`, refused: "cutover lies before firstSeen"},
		{tries: "takes the label of an active release", patch: `{"metadata":{"labels":{"greenwatch.dev/active":null}}}`, refused: labels},
		{tries: "gives a release to another policy by its label", patch: `{"metadata":{"labels":{"greenwatch.dev/policy":"bank"}}}`, refused: labels},
		{who: lab.Greenwatch, tries: "takes the label of an active release", patch: `{"metadata":{"labels":{"greenwatch.dev/active":null}}}`},
		{tries: "annotates a release", patch: `{"metadata":{"annotations":{"x":"y"}}}`, refused: labels},
		{tries: "writes a finalizer", patch: `{"metadata":{"finalizers":["evil.example.com/x"]}}`, refused: "no finalizers"},
		{tries: "gives a release an owner", patch: owner, refused: "no finalizers and no owner"},
		{who: garbage, tries: "writes owners", patch: owner},
		{who: garbage, tries: "writes another's word", patch: word(`"decision":{"by":"alice","choice":"Rollback"}`), refused: "in one's own name"},
		{tries: "writes the phase", sub: "status", patch: `{"status":{"phase":"Accepted"}}`, refused: "cannot patch"},
		{who: tenant, tries: "writes the phase", sub: "status", patch: `{"status":{"phase":"Accepted","checks":0,"share":0,"story":0}}`, refused: alone},
		{who: tenant, tries: "writes the cutover", patch: `{"spec":{"cutover":"2026-01-01T00:01:00Z"}}`, refused: nothing},
		{who: tenant, tries: "decides in another's name", patch: word(`"decision":{"by":"alice","choice":"Rollback"}`), refused: "in one's own name; write by: tenant"},
		{who: tenant, tries: "decides", patch: word(`"decision":{"by":"tenant","choice":"Rollback"}`)},
		{who: ann, tries: "decides", patch: word(`"decision":{"by":"ann","choice":"Rollback"}`), refused: "cannot patch"},
		{who: lab.Greenwatch, tries: "speaks for alice", patch: word(`"decision":{"by":"alice","choice":"Rollback"}`), refused: "greenwatch speaks for nobody"},
		{who: lab.Greenwatch, tries: "ends a hold", patch: word(`"hold":null`), refused: "greenwatch speaks for nobody"},
		{who: backup, tries: "restores another's word", patch: word(`"decision":{"by":"alice","choice":"Rollback"}`)},
	}))
}

const owner = `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"x"}]}}`

// ofReleases gives the trials to alice where they say nothing else.
func ofReleases(trials []trial) []trial {
	for i := range trials {
		trials[i].kind = v1alpha1.Releases()
		if trials[i].who == "" {
			trials[i].who = lab.Alice
		}
	}
	return trials
}

// Releases are made by greenwatch, without anybody's word, and by who restores them.
func TestAdmissionLetsGreenwatchAloneMakeReleases(t *testing.T) {
	s := guarded(t)
	wordless := aRelease[:strings.Index(aRelease, "  people:")]
	for i, c := range []struct{ who, tries, manifest, refused string }{
		{lab.Greenwatch, "makes a release", wordless, ""},
		{lab.Greenwatch, "makes a release with a decision in it", aRelease, "greenwatch speaks for nobody"},
		{lab.Alice, "makes a release", wordless, "forbidden"},
		{tenant, "makes a release in the own namespace", wordless, alone + ", not by tenant"},
		{backup, "restores a release", aRelease, ""},
		{lab.Admin, "restores a release", aRelease, ""},
	} {
		s.judge(t, c.who, c.tries, c.refused, s.createAs(t, c.who, v1alpha1.Releases(), fmt.Sprintf(c.manifest, i+1, s.Namespace)))
	}
}

// A release acts in its own namespace: greenwatch itself can't freeze a plan of another's.
func TestAdmissionKeepsAFrozenPlanInItsNamespace(t *testing.T) {
	s := guarded(t)
	for i, c := range []struct{ who, namespace, refused string }{
		{tenant, "victim", alone},
		{tenant, s.Namespace, alone},
		{lab.Greenwatch, "victim", "its frozen plan names another"},
		{lab.Greenwatch, s.Namespace, ""},
		{lab.Admin, "victim", "its frozen plan names another"},
	} {
		s.object(t, aRelease, i+1)
		err := s.freezeAs(t, c.who, named(i+1), c.namespace)
		tries := "freezes a plan of the own namespace"
		if c.namespace != s.Namespace {
			tries = "freezes a plan of namespace victim"
		}
		s.judge(t, c.who, tries, c.refused, err)
	}
}
