package probe

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// well answers that all is well, and counts how often it was asked.
func wellServer(t *testing.T) (s *httptest.Server, asked *int) {
	t.Helper()
	asked = new(int)
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		_, _ = io.WriteString(w, `{"status": "up"}`)
	}))
	t.Cleanup(s.Close)
	return s, asked
}

func port(t *testing.T, s *httptest.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func service(change func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "production", Name: "shop"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "shop"}, ClusterIP: "10.96.0.12", ClusterIPs: []string{"10.96.0.12", "fd00:10:96::c"}}}
	change(&s.Spec)
	return s
}

func TestOnlyServicesThatSelectPodsAreAsked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.ServiceSpec)
		want   string // else its addresses
	}{
		"selects pods":    {func(*corev1.ServiceSpec) {}, ""},
		"a load balancer": {func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeLoadBalancer }, ""},
		"of old":          {func(s *corev1.ServiceSpec) { s.ClusterIPs = nil }, ""},
		"ExternalName": {func(s *corev1.ServiceSpec) {
			*s = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.victim.svc.cluster.local"}
		}, "the Service shop is of type ExternalName"},
		"ExternalName with a selector and an address": {func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName }, "the Service shop is of type ExternalName"},
		"no selector": {func(s *corev1.ServiceSpec) { s.Selector = nil }, "the Service shop has no selector"},
		"headless":    {func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "None", []string{"None"} }, "the Service shop is headless"},
		"no address":  {func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "", nil }, "the Service shop has no address yet"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Services(fake.NewClientset(service(c.change)))(t.Context(), "production", "shop")
			switch {
			case c.want == "" && (err != nil || len(got) == 0 || got[0].String() != "10.96.0.12"):
				t.Errorf("%v, %v; want its own address", got, err)
			case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || len(got) > 0):
				t.Errorf("%v, %v; want %s", got, err, c.want)
			case err != nil && strings.Contains(err.Error(), "victim"):
				t.Errorf("it tells where the Service leads: %v", err)
			}
		})
	}
	if _, err := Services(fake.NewClientset())(t.Context(), "production", "shop"); err == nil || err.Error() != "there is no Service shop" {
		t.Errorf("%v", err)
	}
}

// A Service is read once a minute at most, however often it is asked.
func TestAServiceIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(service(func(*corev1.ServiceSpec) {}))
		find := Services(client)
		look := func() error { _, err := find(t.Context(), "production", "shop"); return err }
		for range 5 {
			if err := look(); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(client.Actions()); n != 1 {
			t.Errorf("read %d times, want once", n)
		}
		elsewhere := service(func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName })
		if _, err := client.CoreV1().Services("production").Update(t.Context(), elsewhere, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := look(); err == nil {
			t.Error("a minute later it is still what it was")
		}
	})
}

// at gives a client for which each Service has the address.
func at(address string, trust Trust) Client {
	return New(Options{Trust: func() Trust { return trust }, Service: func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr(address)}, nil
	}})
}

// The name of a Service is not looked up: it is asked at the address that Kubernetes says, and if that is the
// daemon's own machine it is not asked at all. The control is a host that the daemon's file names.
func TestAServiceThatLeadsInsideIsNotAsked(t *testing.T) {
	s, asked := wellServer(t)
	url := "http://shop.production.svc:" + port(t, s) + "/health"
	if _, _, err := at("127.0.0.1", Trust{}).Failing(t.Context(), "production", url, nil); err == nil || !strings.Contains(err.Error(), errInside.Error()) || *asked != 0 {
		t.Errorf("asked %d times, %v; want that it leads inside", *asked, err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		trust := Trust{Hosts: []Host{{Host: host, Namespaces: []string{"production"}}}}
		url := "http://" + net.JoinHostPort(host, port(t, s))
		*asked = 0
		if _, _, err := at("10.96.0.12", trust).Failing(t.Context(), "production", url, nil); err != nil || *asked != 1 {
			t.Errorf("the daemon's file names %s: asked %d times, %v", host, *asked, err)
		}
		if _, _, err := at("10.96.0.12", trust).Failing(t.Context(), "evil", url, nil); err == nil || *asked != 1 {
			t.Errorf("%s is for another namespace: asked %d times, %v", host, *asked, err)
		}
	}
}

// One that may be asked is asked by its name at its own address; of one that may not no name is looked up either.
func TestAServiceIsAskedAtItsOwnAddress(t *testing.T) {
	s, asked := wellServer(t)
	c := at("127.0.0.1", Trust{})
	to, err := c.resolve(t.Context(), "shop.production.svc", "production")
	if err != nil || len(to.addresses) != 1 || to.addresses[0] != "127.0.0.1" || to.loopback {
		t.Fatalf("%+v, %v", to, err)
	}
	to.loopback = true // as if it were of the cluster
	response, err := c.client(to).Get("http://shop.production.svc:" + port(t, s) + "/health")
	if err != nil || *asked != 1 {
		t.Fatalf("asked %d times, %v", *asked, err)
	}
	response.Body.Close()
	refused := New(Options{Trust: func() Trust { return Trust{} }, Service: Services(fake.NewClientset(service(func(s *corev1.ServiceSpec) { s.Selector = nil })))})
	if _, _, err := refused.Failing(t.Context(), "production", "http://shop.production.svc:"+port(t, s), nil); err == nil || !strings.Contains(err.Error(), "has no selector") || *asked != 1 {
		t.Errorf("asked %d times, %v", *asked, err)
	}
}

func TestWhatIsBarredIsBarredAtTheMomentOfConnecting(t *testing.T) {
	c := New(Options{APIServer: func(context.Context) []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.96.0.1")} }})
	for address, want := range map[string]error{
		"10.96.0.12:8080": nil, "[fd00::12]:8080": nil, "192.0.2.7:80": nil, "[64:ff9b::c000:207]:80": nil,
		"127.0.0.1:80": errInside, "127.9.9.9:80": errInside, "[::1]:80": errInside, "[::ffff:127.0.0.1]:80": errInside, "[64:ff9b::7f00:1]:80": errInside,
		"169.254.169.254:80": errBarred, "169.254.20.10:53": errBarred, "[::ffff:169.254.169.254]:80": errBarred, "[64:ff9b::a9fe:a9fe]:80": errBarred,
		"[fe80::1%eth0]:80": errBarred, "[fd00:ec2::254]:80": errBarred, "[fd20:ce::254]:80": errBarred, "168.63.129.16:80": errBarred, "100.100.100.200:80": errBarred,
		"0.0.0.0:80": errBarred, "[::]:80": errBarred, "255.255.255.255:80": errBarred, "224.0.0.1:80": errBarred, "[ff02::1]:80": errBarred,
		"10.96.0.1:443": errBarred, "10.96.0.1:8080": errBarred, "[::ffff:10.96.0.1]:443": errBarred, "nonsense": errBarred,
	} {
		if err := c.barred(t.Context(), address, false); err != want {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
		if named := c.barred(t.Context(), address, true); (named == nil) != (want == nil || want == errInside) {
			t.Errorf("%s, as the daemon's file names it: %v", address, named)
		}
	}
}
