package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

const (
	notYourWeights = "the word Rollback has greenwatch set the weights of VirtualService shop, which you may not patch yourself, and the release is not in mode Enforce"
	notYourScale   = "the word Rollback has greenwatch scale Deployments shop-blue and shop-green, which you may not both scale yourself, and the release is not in mode Enforce"
)

// decided is aRelease with a decision that stands.
func decided(by, choice string) string {
	return strings.Replace(aRelease, "{by: olga, choice: Accept}", fmt.Sprintf("{by: %s, choice: %s, reason: prices}", by, choice), 1)
}

// rollback is the word of somebody.
func rollback(by string) string {
	return word(fmt.Sprintf(`"decision":{"by":%q,"choice":"Rollback"}`, by))
}

// The word Rollback has greenwatch set weights and scale. Whoever says it may do so himself, unless the policy lets
// greenwatch act on this very release: then its author may.
func TestAdmissionAsksWhoSaysRollback(t *testing.T) {
	s := guarded(t)
	for _, c := range []struct {
		tries    string
		mode     release.Mode
		manifest string
		refused  map[string]string // by who; allowed to all others
	}{
		{"decides where the policy observes", release.Observe, aRelease,
			map[string]string{lab.Alice: notYourWeights, ed: notYourWeights, vera: notYourScale}},
		{"decides where no mode is known yet", "", aRelease,
			map[string]string{lab.Alice: notYourWeights, ed: notYourWeights, vera: notYourScale}},
		{"decides where the policy enforces", release.Enforce, aRelease, nil},
		{"decides where it is a VirtualService that nobody was given", release.Observe, strings.Replace(aRelease, "virtualService: shop", "virtualService: bank", 1),
			map[string]string{lab.Alice: "VirtualService bank", ed: "VirtualService bank", vera: notYourScale, otto: "VirtualService bank"}},
		{"decides where it is a Deployment that nobody was given", release.Observe, strings.Replace(aRelease, "deployment: shop-green", "deployment: bank", 1),
			map[string]string{lab.Alice: notYourWeights, ed: notYourWeights, vera: "Deployments shop-blue and bank", otto: "Deployments shop-blue and bank"}},
		{"decides of a release that does not say on what it acts", release.Enforce, aRelease[:strings.Index(aRelease, "  service:")],
			map[string]string{lab.Alice: "whatever VirtualService", ed: "whatever VirtualService", vera: "whatever Deployments", otto: "whatever VirtualService"}},
	} {
		var trials []trial
		for _, who := range []string{lab.Alice, ed, vera, otto, tenant, lab.Admin} {
			trials = append(trials, trial{who: who, tries: c.tries, patch: rollback(who), refused: c.refused[who]})
		}
		t.Run(c.tries, func(t *testing.T) { s.proveIn(t, c.mode, c.manifest, ofReleases(trials)) })
	}
}

// However the word is put in: what makes it another one is asked about, and what takes nothing but a word away, or leaves
// it as it was, is free.
func TestAdmissionAsksForEachRollback(t *testing.T) {
	s := guarded(t)
	const at = `{"op":"add","path":"/spec/people/decision/at","value":"2026-01-01T00:01:00Z"}`
	again := patch(remove("/spec/people/decision"), put("/spec/people/decision", `{"by":"alice","choice":"Rollback","reason":"prices"}`), remove("/spec/people/hold"))
	trials := func(no string) []trial {
		return ofReleases([]trial{
			{tries: "says her own Rollback again, as it was", patch: again},
			{tries: "takes her own Rollback back", patch: word(`"decision":null`)},
			{tries: "ends a hold beside her own Rollback", patch: word(`"hold":null`)},
			{tries: "accepts instead", patch: word(`"decision":{"choice":"Accept"}`)},
			{tries: "changes the reason of her own Rollback", patch: word(`"decision":{"reason":"wrong prices"}`), refused: no},
			{tries: "takes the reason of her own Rollback away", patch: word(`"decision":{"reason":null}`), refused: no},
			{tries: "says her own Rollback at another time", patch: patch(at), refused: no},
			{tries: "takes her own Rollback away and says it at another time", patch: strings.Replace(again, "]", ","+at+"]", 1), refused: no},
			{who: ed, tries: "replaces another's Rollback", patch: rollback(ed), refused: no},
			{who: ed, tries: "changes the reason of another's Rollback", patch: word(`"decision":{"reason":"because"}`), refused: "in one's own name; write by: ed"},
			{tries: "writes the mode beside the word", patch: `{"status":{"mode":"Enforce"},"spec":{"people":{"decision":{"reason":"x"}}}}`, refused: no},
			{who: otto, tries: "replaces another's Rollback", patch: rollback(otto)},
			{who: backup, tries: "restores a Rollback", patch: word(`"decision":{"reason":"because"}`)},
		})
	}
	t.Run("observed", func(t *testing.T) {
		s.proveIn(t, release.Observe, decided("alice", "Rollback"), trials(notYourWeights))
	})
	t.Run("enforced", func(t *testing.T) { s.proveIn(t, release.Enforce, decided("alice", "Rollback"), trials("")) })
	t.Run("accepted", func(t *testing.T) {
		s.proveIn(t, release.Observe, decided("alice", "Accept"), ofReleases([]trial{
			{tries: "makes a Rollback of her own Accept", patch: word(`"decision":{"choice":"Rollback"}`), refused: notYourWeights},
			{tries: "changes the reason of her own Accept", patch: word(`"decision":{"reason":"because"}`)},
			{who: ed, tries: "holds what the policy observes", patch: word(`"hold":{"by":"ed","reason":"x","until":"2026-01-01T08:00:00Z"}`)},
			{who: ed, tries: "reports of what the policy observes", patch: patch(put("/spec/people/reports/-", `{"id":"security-2","kind":"security","by":"ed"}`))},
			{who: ed, tries: "writes the mode", sub: "status", patch: fmt.Sprintf(aStatus, release.Enforce), refused: "cannot patch"},
			{who: tenant, tries: "writes the mode", sub: "status", patch: fmt.Sprintf(aStatus, release.Enforce), refused: alone},
		}))
	})
}
