package istio

import (
	"math"
	"testing"
)

func TestShareIsWeightOverSum(t *testing.T) {
	for name, c := range map[string]struct {
		route       string
		blue, green float64
	}{
		"90/10":                  {"[{destination: {host: kb-blue}, weight: 90}, {destination: {host: kb-green}, weight: 10}]", .9, .1},
		"sum of 90":              {"[{destination: {host: kb-blue}, weight: 60}, {destination: {host: kb-green}, weight: 30}]", 2. / 3, 1. / 3},
		"sum of 150":             {"[{destination: {host: kb-blue}, weight: 120}, {destination: {host: kb-green}, weight: 30}]", .8, .2},
		"one absent":             {"[{destination: {host: kb-blue}, weight: 10}, {destination: {host: kb-green}}]", 1, 0},
		"sole, absent":           {"[{destination: {host: kb-green}}]", 0, 1},
		"sole, 0":                {"[{destination: {host: kb-green}, weight: 0}]", 0, 1},
		"sole, 30":               {"[{destination: {host: kb-green}, weight: 30}]", 0, 1},
		"third":                  {"[{destination: {host: kb-blue}, weight: 1}, {destination: {host: kb-green}, weight: 1}, {destination: {host: kb-third}, weight: 2}]", .25, .25},
		"several times":          {"[{destination: {host: kb-blue}, weight: 1}, {destination: {host: kb-green}, weight: 1}, {destination: {host: kb-blue, port: {number: 81}}, weight: 2}]", .75, .25},
		"greatest weights":       {"[{destination: {host: kb-blue}, weight: 2147483647}, {destination: {host: kb-green}, weight: 2147483647}]", .5, .5},
		"other subset":           {"[{destination: {host: kb-blue, subset: v1}, weight: 50}, {destination: {host: kb-green}, weight: 50}]", 0, .5},
		"all 0":                  {"[{destination: {host: kb-blue}, weight: 0}, {destination: {host: kb-green}}]", 0, 0},
		"negative":               {"[{destination: {host: kb-blue}, weight: -1}, {destination: {host: kb-green}, weight: 2}]", 0, 0},
		"too great":              {"[{destination: {host: kb-blue}, weight: 2147483648}, {destination: {host: kb-green}, weight: 2}]", 0, 0},
		"sum too great":          {"[{destination: {host: kb-blue}, weight: 2147483647}, {destination: {host: kb-green}, weight: 2147483647}, {destination: {host: c}, weight: 2}]", 0, 0},
		"no destination at all ": {"[]", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			route := read(t, routed(t, c.route)).HTTP[0]
			if got := route.Share(blue, namespace); math.Abs(got-c.blue) > 1e-12 {
				t.Errorf("blue has %v, want %v", got, c.blue)
			}
			if got := route.Share(green, namespace); math.Abs(got-c.green) > 1e-12 {
				t.Errorf("green has %v, want %v", got, c.green)
			}
			if want := c.blue+c.green > 0; route.Defined() != want {
				t.Errorf("defined: %v, want %v", route.Defined(), want)
			}
		})
	}
}

func TestEqualHosts(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"reviews", "reviews", true},
		{"reviews", "reviews.prod", true},
		{"reviews", "reviews.prod.svc", true},
		{"reviews", "reviews.prod.svc.cluster.local", true},
		{"reviews.prod", "reviews.prod.svc", true},
		{"reviews.test", "reviews.test.svc.cluster.local", true},
		{"reviews", "reviews.test", false},
		{"reviews", "reviews.test.svc.cluster.local", false},
		{"reviews", "ratings", false},
		{"reviews", "*", false},
		{"*", "*", true},
		{"*.prod", "*.prod", true},
		{"*.prod", "*.prod.svc.cluster.local", false},
		{"api.example.com", "api.example.com", true},
		{"api.example.com", "api.example.com.svc.cluster.local", false},
		{"reviews", "reviews.prod.svc.clusterset.local", false},
		{"10.0.0.1", "10.0.0.1", true},
		{"", "", true},
		{"", "reviews", false},
	} {
		a, b := Destination{Host: c.a}, Destination{Host: c.b}
		if a.Equal(b, namespace) != c.want || b.Equal(a, namespace) != c.want {
			t.Errorf("%q and %q: want equal %v", c.a, c.b, c.want)
		}
	}
}

func TestEqualSubsets(t *testing.T) {
	v1, v2, none := Destination{"kb", "v1"}, Destination{"kb", "v2"}, Destination{"kb", ""}
	if !v1.Equal(Destination{"kb.prod", "v1"}, namespace) {
		t.Error("the same subset of the same host is another")
	}
	if v1.Equal(v2, namespace) || none.Equal(v1, namespace) || v1.Equal(none, namespace) {
		t.Error("different subsets are equal")
	}
}

func TestResolvableHost(t *testing.T) {
	for host, want := range map[string]string{
		"reviews":                        "reviews",
		"reviews.prod":                   "reviews",
		"reviews.prod.svc":               "reviews",
		"reviews.prod.svc.cluster.local": "reviews.prod.svc.cluster.local",
		"reviews.test.svc":               "reviews.test.svc.cluster.local",
		"httpbin.org":                    "httpbin.org",
		"api.x.prod":                     "api.x.prod",
	} {
		got := resolvable(host, namespace)
		if got != want {
			t.Errorf("%s: have %s, want %s", host, got, want)
		}
		if !(Destination{Host: got}).Equal(Destination{Host: host}, namespace) {
			t.Errorf("%s became %s, another host", host, got)
		}
	}
}
