package release_test

import (
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestPlaceholdersAreFilledIn(t *testing.T) {
	for host, full := range map[string]string{
		"shop-green":                              "shop-green.production.svc.cluster.local",
		"shop-green.other":                        "shop-green.other.svc.cluster.local",
		"shop-green.other.svc":                    "shop-green.other.svc.cluster.local",
		"shop-green.production.svc.cluster.local": "shop-green.production.svc.cluster.local",
		"shop-green.production.svc.my.own.domain": "shop-green.production.svc.my.own.domain",
		"green.shop.example.com":                  "green.shop.example.com",
	} {
		p := release.Plan{Namespace: "production", Slots: []release.Slot{{Name: "green", Deployment: "shop-green-app", Host: host}},
			Questions: []release.Question{{Kind: signal.Ratio, Match: "${slot} ${namespace} ${deployment} ${version}", Part: "${host}"}}}
		got := p.Asks("green", "v2")[0]
		if got.Match != "green production shop-green-app v2" || got.Part != full {
			t.Errorf("host %s: %q and %q, want %q", host, got.Match, got.Part, full)
		}
	}
}
