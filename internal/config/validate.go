package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// validator gathers what is wrong with a decoded file.
type validator struct{ mistakes []Mistake }

func (v *validator) fail(path, format string, args ...any) {
	v.mistakes = append(v.mistakes, Mistake{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (v *validator) config(c Config) {
	v.oneOf("mode", string(c.Mode), string(release.Observe), string(release.Enforce))
	v.namespaces("namespaces", c.Namespaces)
	v.address("listen", c.Listen)
	v.statusPage(c.StatusPage, c.Listen)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "json", "console")
	v.leaderElection(c.LeaderElection)
	v.atLeast("kubernetes.qps", c.Kubernetes.QPS, 1)
	v.atLeast("kubernetes.burst", c.Kubernetes.Burst, c.Kubernetes.QPS)
	v.servers(c.Prometheus)
	v.notifiers(c.Notifiers)
	v.atLeast("breaker.namespaces", c.Breaker.Namespaces, 1)
	v.atLeast("breaker.rollbacks", c.Breaker.Rollbacks, 1)
	v.lasts("breaker.within", c.Breaker.Within, time.Second)
	v.lasts("pages.expireAfter", c.Pages.ExpireAfter, time.Second)
	v.between("pages.perHour", c.Pages.PerHour, 1, release.MostPagesPerHour)
	v.probes(c.Probes)
	v.lasts("queryBudget", c.QueryBudget, time.Second)
	v.floors(c.Floors, c.Defaults)
	v.lasts("blindFor", c.BlindFor, time.Second)
	v.defaults(c.Defaults)
}

func (v *validator) oneOf(path, got string, want ...string) {
	if !slices.Contains(want, got) {
		v.fail(path, "%q is not known; write %s or %s", got, strings.Join(want[:len(want)-1], ", "), want[len(want)-1])
	}
}

func (v *validator) atLeast(path string, got, least int) {
	if got < least {
		v.fail(path, "%d is too few; write at least %d", got, least)
	}
}

func (v *validator) between(path string, got, least, most int) {
	if got < least || got > most {
		v.fail(path, "%d is not within bounds; write %d to %d", got, least, most)
	}
}

func (v *validator) lasts(path string, got, least time.Duration) {
	if got < least {
		v.fail(path, "%s is too short; write at least %s", got, least)
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (v *validator) name(path, s string) {
	if !label.MatchString(s) {
		v.fail(path, "%q is no name; write lower-case letters, digits and dashes, at most 63", s)
	}
}

// unique is name, and that it is not among those seen before.
func (v *validator) unique(path, s string, seen map[string]bool) {
	v.name(path, s)
	if seen[s] {
		v.fail(path, "%q stands in the list already", s)
	}
	seen[s] = true
}

func (v *validator) namespaces(path string, names []string) {
	seen := map[string]bool{}
	for i, n := range names {
		v.unique(fmt.Sprintf("%s[%d]", path, i), n, seen)
	}
}

// reserved refuses an empty list, which looks as if nobody may.
func (v *validator) reserved(path string, names []string) {
	if names != nil && len(names) == 0 {
		v.fail(path+".namespaces", "is empty; name those whose policies may use it, or leave it out for all")
	}
	v.namespaces(path+".namespaces", names)
}

func (v *validator) address(path, s string) {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		v.fail(path, "%q is no address; write host and port, such as :8080 or 127.0.0.1:8080", s)
	}
}

func (v *validator) statusPage(p StatusPage, listen string) {
	v.oneOf("statusPage.authentication", p.Authentication, NoAuthentication, KubernetesAuthentication)
	switch {
	case p.Listen == "":
	case p.Listen == listen:
		v.fail("statusPage.listen", "%q is the address of metrics and health already; leave it empty to share that", p.Listen)
	default:
		v.address("statusPage.listen", p.Listen)
	}
}

// leaderElection holds the times to what client-go demands: a retry, with its jitter, must fit into
// the deadline, and the deadline into the lease.
func (v *validator) leaderElection(l LeaderElection) {
	v.name("leaderElection.namespace", l.Namespace)
	v.name("leaderElection.name", l.Name)
	v.lasts("leaderElection.retryPeriod", l.RetryPeriod, 100*time.Millisecond)
	if l.RenewDeadline < l.RetryPeriod*3/2 {
		v.fail("leaderElection.renewDeadline", "%s leaves no time for a second try after retryPeriod, %s; write at least %s", l.RenewDeadline, l.RetryPeriod, l.RetryPeriod*3/2)
	}
	if l.LeaseDuration <= l.RenewDeadline || l.LeaseDuration%time.Second != 0 {
		v.fail("leaderElection.leaseDuration", "%s must be in whole seconds and longer than renewDeadline, %s", l.LeaseDuration, l.RenewDeadline)
	}
}

func (v *validator) servers(servers []Prometheus) {
	if len(servers) == 0 {
		v.fail("prometheus", "is empty; name at least one server")
	}
	seen := map[string]bool{}
	for i, p := range servers {
		path := fmt.Sprintf("prometheus[%d]", i)
		v.unique(path+".name", p.Name, seen)
		v.url(path+".url", p.URL)
		v.reserved(path, p.Namespaces)
		v.lasts(path+".timeout", p.Timeout, 100*time.Millisecond)
		v.atLeast(path+".concurrency", p.Concurrency, 1)
		if p.BearerTokenFile != "" && !p.TokenOverHTTP && inTheClear(p.URL) {
			v.fail(path+".bearerTokenFile", "the token would go over the network unencrypted; write an https url, or tokenOverHTTP: true where the network is trusted")
		}
	}
}

func (v *validator) notifiers(notifiers []Notifier) {
	seen := map[string]bool{}
	for i, n := range notifiers {
		path := fmt.Sprintf("notifiers[%d]", i)
		v.unique(path+".name", n.Name, seen)
		v.reserved(path, n.Namespaces)
		if (n.PagerDuty == nil) == (n.Slack == nil) {
			v.fail(path, "needs exactly one kind; write pagerduty or slack")
			continue
		}
		if n.PagerDuty != nil {
			v.pagerduty(path+".pagerduty", *n.PagerDuty)
		} else {
			v.slack(path+".slack", *n.Slack)
		}
	}
}

func (v *validator) pagerduty(path string, p PagerDuty) {
	v.file(path+".routingKeyFile", p.RoutingKeyFile)
	if p.URL != "" {
		v.url(path+".url", p.URL)
	}
	if !p.KeyOverHTTP && inTheClear(p.URL) {
		v.fail(path+".url", "the routing key would go over the network unencrypted; write an https url, or keyOverHTTP: true where the network is trusted")
	}
}

var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)

func (v *validator) slack(path string, s Slack) {
	v.file(path+".tokenFile", s.TokenFile)
	if !channelID.MatchString(s.Channel) {
		v.fail(path+".channel", "%q is no channel's ID; write what stands at the end of the channel's details, such as C0123456789", s.Channel)
	}
	if s.URL != "" {
		v.url(path+".url", s.URL)
	}
	if !s.TokenOverHTTP && inTheClear(s.URL) {
		v.fail(path+".url", "the token would go over the network unencrypted; write an https url, or tokenOverHTTP: true where the network is trusted")
	}
}

var hostName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (v *validator) probes(t probe.Trust) {
	if !hostName.MatchString(t.Domain) {
		v.fail("probes.domain", "%q is no cluster's domain; write it such as cluster.local", t.Domain)
	}
	for i, x := range t.Hosts {
		path, h := fmt.Sprintf("probes.hosts[%d]", i), x.Host
		if !hostName.MatchString(h) && (net.ParseIP(h) == nil || h != strings.ToLower(h)) {
			v.fail(path, "%q is no host; write its name or address alone, in lower case, without scheme and port", h)
		}
		v.reserved(path, x.Namespaces)
	}
}

// floors sees to it that the file itself does not ask for less than it allows.
func (v *validator) floors(f policy.Floors, d policy.Defaults) {
	v.lasts("floors.guardEvery", f.GuardEvery, time.Second)
	v.lasts("floors.episodeClear", f.EpisodeClear, 0)
	v.atLeast("floors.historyLimit", int(f.HistoryLimit), 1)
	for _, note := range policy.Lifted(&v1alpha1.WatchPolicy{}, d) {
		var e policy.Error
		if errors.As(note, &e) {
			wrong, _, _ := strings.Cut(e.Text, ";")
			v.fail("defaults"+strings.TrimPrefix(e.Path, "spec"), "%s; write more, or lower the floor", wrong)
		}
	}
}

func (v *validator) file(path, s string) {
	if s == "" {
		v.fail(path, "is missing; write the file that the secret is mounted as")
	}
}

// inTheClear tells whether what is sent to a URL can be read on its way. What stays on this machine can't.
func inTheClear(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" {
		return false
	}
	return u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback()
}

// url refuses what would hide a secret in the file. The text itself is not repeated then.
func (v *validator) url(path, s string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		v.fail(path, "is no URL; write it such as https://prometheus.example.com:9090")
	case u.User != nil:
		v.fail(path, "holds a user's name or password; secrets are read from files only")
	case u.RawQuery != "" || u.Fragment != "":
		v.fail(path, "ends in a query or fragment; write scheme, host and path only")
	}
}

// defaults puts a policy's mistakes where they stand in the file.
func (v *validator) defaults(d policy.Defaults) {
	if len(d.Servers) == 0 {
		return // said already, and each default would be wrong for it
	}
	for _, err := range d.Validate() {
		var e policy.Error
		if !errors.As(err, &e) {
			v.fail("defaults", "%v", err)
			continue
		}
		v.fail("defaults"+strings.TrimPrefix(e.Path, "spec"), "%s", e.Text)
	}
}
