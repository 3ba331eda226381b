package probe

import (
	"strings"
	"testing"
)

func TestOnlyTheOwnNamespaceAndTheListMayBeAsked(t *testing.T) {
	trust := Trust{Domain: "cluster.local", Hosts: []Host{{Host: "api.example.com"}, {Host: "10.0.0.7"}, {Host: "::1"},
		{Host: "pay.example.com", Namespaces: []string{"production", "payments"}}, {Host: "hr.example.com", Namespaces: []string{"hr"}}}}
	for _, address := range []string{
		"http://shop-blue.production.svc:8080/health",
		"https://shop.production.svc/health?full=1",
		"http://shop.production.svc.cluster.local",
		"http://api.example.com:8443/health",
		"http://10.0.0.7/health",
		"http://[::1]:80/health",
		"http://pay.example.com/health",
	} {
		if err := trust.Check(address, "production"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for address, want := range map[string]string{
		"":                              "is no URL that can be asked; write it such as http://shop-${slot}.${namespace}.svc:8080/health",
		"shop.production.svc/health":    "is no URL",
		"http:shop.production.svc":      "is no URL",
		"http:///health":                "is no URL",
		"http://:8080/health":           "is no URL",
		"file:///etc/passwd":            "is no URL",
		"ftp://shop.production.svc":     "is no URL",
		"http://shop.production.svc/%z": "is no URL",
		"http://eve:hush@shop.production.svc/health":       "holds a user's name or password",
		"http://shop.production.svc/health#hush":           "ends in a fragment",
		"http://shop.production.svc/#":                     "ends in a fragment",
		"http://shop.staging.svc/health":                   "leads to shop.staging.svc, which may not be asked; write a Service of the policy's own namespace, NAME.production.svc or NAME.production.svc.cluster.local, or have the host named in probes.hosts of the daemon's file",
		"http://shop/health":                               "leads to shop,",
		"http://shop.production/health":                    "leads to shop.production,",
		"http://shop.production.svc.example.com/health":    "leads to shop.production.svc.example.com,",
		"http://shop.production.svc.cluster.local.e.com":   "leads to shop.production.svc.cluster.local.e.com,",
		"http://shop.production.svc./health":               "leads to shop.production.svc.,",
		"http://.production.svc/health":                    "leads to .production.svc,",
		"http://a.shop.production.svc/health":              "leads to a.shop.production.svc,",
		"http://evil.com\\.production.svc/health":          "is no URL",
		"http://evil.com/x?y=.production.svc/health":       "leads to evil.com,",
		"http://hr.example.com/health":                     "leads to hr.example.com, which may not be asked; write a Service of the policy's own namespace, NAME.production.svc or NAME.production.svc.cluster.local, or have the host named in probes.hosts of the daemon's file",
		"http://www.api.example.com/health":                "leads to www.api.example.com,",
		"http://10.0.0.8/health":                           "leads to 10.0.0.8,",
		"http://169.254.169.254/latest/meta-data":          "leads to 169.254.169.254,",
		"http://0x7f.production.svc.cluster.local.:1/":     "leads to 0x7f.production.svc.cluster.local.,",
		"http://shop.production.svc.cluster.local.:1/#aaa": "ends in a fragment",
	} {
		if err := trust.Check(address, "production"); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v; want %s", address, err, want)
		}
	}
	if trust.Check("http://shop..svc/health", "") == nil || (Trust{}).Check("http://shop.production.svc./health", "production") == nil {
		t.Error("without a namespace or a domain the rest is taken for one")
	}
}
