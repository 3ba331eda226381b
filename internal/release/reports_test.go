package release_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

func TestReportsAreNumberedByKind(t *testing.T) {
	var p release.People
	var ids []string
	for _, kind := range []string{"security", "complaint", "security"} {
		all, r, err := p.Reporting(release.Report{Kind: kind, By: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		p.Reports, ids = all, append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"security-1", "complaint-1", "security-2"}, ids); diff != "" {
		t.Errorf("IDs (-want +got):\n%s", diff)
	}
}

func TestARetractedReportCountsNoMore(t *testing.T) {
	p := release.People{Reports: []release.Report{{ID: "security-1", Kind: "security"}, {ID: "security-2", Kind: "security"}, {ID: "complaint-1", Kind: "complaint"}}}
	all, r, err := p.Retracting("security-1")
	if err != nil || !r.Retracted || p.Reports[0].Retracted {
		t.Fatalf("got %+v, %v; the reports that were: %+v", r, err, p.Reports)
	}
	p.Reports = all
	if got := p.Reported("security"); len(got) != 1 || got[0].ID != "security-2" {
		t.Errorf("still counting: %+v", got)
	}
	_, next, err := p.Reporting(release.Report{Kind: "security"})
	if err != nil || next.ID != "security-3" {
		t.Errorf("the next is %s, %v; want an ID that was never used", next.ID, err)
	}
}

func TestReportsThatCannotBe(t *testing.T) {
	var p release.People
	if _, _, err := p.Retracting("security-1"); err == nil || !strings.Contains(err.Error(), `no report "security-1"; it has none`) {
		t.Errorf("got %v", err)
	}
	for i := range 32 {
		p.Reports = append(p.Reports, release.Report{ID: fmt.Sprint("a-", i), Kind: "a"})
	}
	if _, _, err := p.Retracting("b"); err == nil || !strings.Contains(err.Error(), "it has a-0, a-1") {
		t.Errorf("got %v", err)
	}
	if _, _, err := p.Reporting(release.Report{Kind: "a"}); err == nil || !strings.Contains(err.Error(), "32 reports already") {
		t.Errorf("got %v", err)
	}
}
