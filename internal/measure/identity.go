package measure

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// identity is which labels tell one alert from another: those of by or, where there are none, all but those of without.
type identity struct{ by, without []string }

// grouping is the identity as an aggregation has it.
func (i identity) grouping() string {
	word, labels := "by", i.by
	if len(labels) == 0 {
		word, labels = "without", slices.Concat([]string{"alertstate"}, targetNames, i.without)
	}
	quoted := make([]string, len(labels))
	for n, l := range labels {
		quoted[n] = quoteLabel(l)
	}
	return word + " (" + strings.Join(quoted, ", ") + ")"
}

// alertOf is the identity of a series that was grouped by one.
func alertOf(s *model.SampleStream) model.Fingerprint {
	labels := s.Metric.Clone()
	delete(labels, tag)
	return labels.Fingerprint()
}

// identify learns the identity of an alert from the series that fired at the first traffic: a label of theirs that names
// a target, or holds a value, tells nothing. What fires later with other labels than these is another alert.
func (c *Client) identify(ctx context.Context, a signal.Ask) (identity, error) {
	v, err := c.instant(ctx, "max "+identity{}.grouping()+" ("+firingSelector(a)+")", a.Since.Time(), mostLasting)
	if err != nil {
		return identity{}, err
	}
	found := map[string]bool{}
	for _, s := range v {
		for name, value := range s.Metric {
			if slices.Contains(c.replicas, string(name)) || changing(string(name), string(value)) {
				found[string(name)] = true
			}
		}
	}
	id := identity{without: slices.Sorted(maps.Keys(found))}
	c.identities.keep(a, id, time.Now())
	return id, nil
}

// targetNames are labels that name whoever exports an alert's series, or where that runs, and texts that rules fill in.
var targetNames = []string{
	"instance", "exported_instance", "pod", "exported_pod", "pod_name", "kubernetes_pod_name", "container", "exported_container", "container_name",
	"container_id", "endpoint", "node", "exported_node", "node_name", "nodename", "kubernetes_node", "hostname", "ip", "pod_ip", "host_ip", "address",
	"uid", "replicaset", "pod_template_hash", "controller_revision_hash", "replica", "prometheus", "prometheus_replica",
	"value", "current_value", "description", "summary", "message",
}

var (
	// classes are labels whose numbers are names.
	classes = regexp.MustCompile(`(?i)^(alertname|severity|priority|level|slot|le|quantile|partition|shard|port)$|(code|status|version|revision|release|tag)$`)
	// targets are names of labels that say of what they are.
	targets = regexp.MustCompile(`(?i)(^|[._])(u?uid|ip|hash|pod|pod[._]name|(node|host)[._]name|instance[._]id|hostname)$`)
	// values are numbers with or without units, such as 12.3%, 1.234k, 1h 5m, -2e+06 or 1,200 requests.
	values = regexp.MustCompile(`^[<>=~≈ ]*([+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?([\pL%°]{0,4}| [\pL%°/]{1,12})[ ,]*)+$|^[+-]?(?i:nan|inf)$`)
	// sentences are texts with a number in them.
	sentences = regexp.MustCompile(`\s.*\d|\d.*\s`)
	// moments and digests are another each time.
	moments = regexp.MustCompile(`^\d{4}-\d\d-\d\d`)
	digests = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[0-9a-fA-F]{16}`)
)

// changing tells whether a label is of a kind that is another with each target or each evaluation.
func changing(name, value string) bool {
	if classes.MatchString(name) {
		return false
	}
	for _, kind := range []*regexp.Regexp{values, sentences, moments, digests} {
		if kind.MatchString(value) {
			return true
		}
	}
	return targets.MatchString(name) || isAddress(value)
}

func isAddress(value string) bool {
	_, alone := netip.ParseAddr(value)
	_, withPort := netip.ParseAddrPort(value)
	return alone == nil || withPort == nil
}

// identities remembers which labels tell alerts apart, since the first traffic of each release.
type identities struct {
	mu   sync.Mutex
	kept map[string]keptIdentity
}

type keptIdentity struct {
	identity
	until time.Time
}

// identityKept is how long an identity is taken for granted.
const identityKept = time.Hour

// recall gives an alert's identity, if it is known.
func (i *identities) recall(a signal.Ask) (identity, bool) {
	if len(a.By) > 0 {
		return identity{by: a.By}, true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.kept[alertKey(a)]
	return k.identity, ok && time.Now().Before(k.until)
}

func (i *identities) keep(a signal.Ask, id identity, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.kept, func(_ string, k keptIdentity) bool { return now.After(k.until) })
	i.kept[alertKey(a)] = keptIdentity{id, now.Add(identityKept)}
}

func alertKey(a signal.Ask) string { return fmt.Sprintf("%q %q %d", a.Of, a.Match, a.Since) }
