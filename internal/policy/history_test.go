package policy

import "testing"

func TestHistoryIsShortOnlyWhereItIs(t *testing.T) {
	first := History(100, 3, nil, "Prometheus main keeps 5d")
	if first.Type != "HistoryShort" || first.Status != "True" || first.Reason != "Retention" || first.Message != "Prometheus main keeps 5d" || first.ObservedGeneration != 3 {
		t.Errorf("%+v", first)
	}
	if again := History(200, 3, &first, "Prometheus main keeps 6d"); again.LastTransitionTime != 100 {
		t.Errorf("since %s, want since it was so first", again.LastTransitionTime)
	}
	if enough := History(300, 3, &first, ""); enough.Status != "False" || enough.Message != "" || enough.LastTransitionTime != 300 {
		t.Errorf("%+v", enough)
	}
}
