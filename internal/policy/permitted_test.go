package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/policy"
)

// reserved are defaults by which some servers and notifiers are for some namespaces only.
func reserved() policy.Defaults {
	d := defaults()
	d.Servers = []string{"secret", "main", "other"}
	d.Notifiers = []string{"board", "oncall", "deployments"}
	d.ServersOnlyFor = map[string][]string{"secret": {"finance"}, "other": {"finance", "production"}}
	d.NotifiersOnlyFor = map[string][]string{"board": {"finance"}, "oncall": {"production"}}
	return d
}

func TestAPolicyNamesOnlyWhatItsNamespaceMayUse(t *testing.T) {
	for spec, want := range map[string]string{
		"":                          "",
		"  prometheus: main":        "",
		"  prometheus: other":       "",
		"  notify: [oncall]":        "",
		"  notify: []":              "",
		"  prometheus: secret":      `spec.prometheus: Prometheus "secret" is not for policies of namespace production; write one that is: main, other; the daemon's file says in namespaces: who may use it`,
		"  notify: [oncall, board]": `spec.notify[1]: notifier "board" is not for policies of namespace production; write one that is: oncall, deployments; the daemon's file says in namespaces: who may use it`,
		"  prometheus: mian":        `spec.prometheus: the daemon's file names no Prometheus "mian"; it has main, other`,
		"  notify: [pager]":         `spec.notify[0]: the daemon's file names no notifier "pager"; it has oncall, deployments`,
	} {
		_, errs := policy.Parse(read(t, service+spec), reserved())
		err := errors.Join(errs...)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", spec, err)
			}
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, want\n%s", spec, err, want)
			continue
		}
		if got := policy.ReasonOf(errs[0]) == policy.NotPermitted; got != strings.Contains(want, "not for policies") {
			t.Errorf("%s: the reason is %s", spec, policy.ReasonOf(errs[0]))
		}
		if strings.Contains(err.Error(), "finance") {
			t.Errorf("%s: it tells who else may: %v", spec, err)
		}
	}
}

// A policy that names none gets what its namespace may use, whatever the daemon's defaults are.
func TestDefaultsChooseAmongWhatANamespaceMayUse(t *testing.T) {
	for _, c := range []struct {
		namespace, prometheus string
		byDefault             string
		notifyByDefault       []string
		want                  string
		wantNotify            []string
	}{
		{"production", "", "", nil, "main", []string{"oncall", "deployments"}},
		{"finance", "", "", nil, "secret", []string{"board", "deployments"}},
		{"evil", "", "", nil, "main", []string{"deployments"}},
		{"evil", "", "secret", []string{"board", "oncall"}, "main", []string{}},
		{"finance", "", "secret", []string{"board", "oncall"}, "secret", []string{"board"}},
		{"production", "", "other", []string{"oncall"}, "other", []string{"oncall"}},
	} {
		d := reserved()
		d.Prometheus, d.Notify = c.byDefault, c.notifyByDefault
		p := read(t, service)
		p.Namespace = c.namespace
		plan, errs := policy.Parse(p, d)
		if errs != nil {
			t.Fatalf("%s: %v", c.namespace, errs)
		}
		if plan.Prometheus != c.want || !slices.Equal(plan.Notify, c.wantNotify) {
			t.Errorf("%s: %s and %v, want %s and %v", c.namespace, plan.Prometheus, plan.Notify, c.want, c.wantNotify)
		}
	}
}

func TestNoServerForANamespace(t *testing.T) {
	d := reserved()
	d.ServersOnlyFor["main"] = []string{"finance"}
	p := read(t, service)
	p.Namespace = "evil"
	_, errs := policy.Parse(p, d)
	if err := errors.Join(errs...); err == nil || !strings.HasPrefix(err.Error(), "spec.prometheus: no Prometheus of the daemon's file is for policies of namespace evil;") {
		t.Errorf("%v", err)
	}
	if errs := d.Validate(); errs != nil {
		t.Errorf("defaults that are for some only are taken for wrong: %v", errs)
	}
}
