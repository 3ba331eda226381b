package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
)

// Four hundred connections that ask for pages and don't read cost the daemon little memory; the kubelet and
// Prometheus are answered all the while, and others see their page.
func TestTheOpenPort(t *testing.T) {
	const callers, asks, mostGrowth = 400, 200, 64 << 20
	s := open(t, stage.Options{})
	s.deployGreen("v2")
	page := fmt.Sprintf("/releases/%s/%s-1", s.Namespace, s.Name)
	s.eventually("the page", func(ctx context.Context) error { return answersOK(ctx, s.daemon.URL+page) })
	before := s.metric("process_resident_memory_bytes")

	request := []byte(strings.Repeat("GET "+page+" HTTP/1.1\r\nHost: x\r\n\r\n", asks))
	sent := 0
	for range callers {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.daemon.URL, "http://"))
		s.must(err)
		t.Cleanup(func() { c.Close() })
		s.must(c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)))
		n, _ := c.Write(request) // the server may have cut it already
		sent += n
	}
	if sent < callers*len(request)/2 {
		t.Errorf("of %d bytes of requests %d were taken: the attack is none", callers*len(request), sent)
	}
	most := 0.0
	for range 50 {
		for _, path := range []string{"/healthz", "/readyz", page, "/"} {
			if err := answersOK(t.Context(), s.daemon.URL+path); err != nil {
				t.Fatalf("GET %s, while others don't read: %v", path, err)
			}
		}
		most = max(most, s.metric("process_resident_memory_bytes"))
	}
	if cut := s.metric("greenwatch_connections_cut_total"); cut < callers-128 {
		t.Errorf("%.0f connections were cut, want most of %d", cut, callers)
	}
	if most-before > mostGrowth {
		t.Errorf("resident were %.0f MiB and then up to %.0f MiB", before/(1<<20), most/(1<<20))
	}
	t.Logf("resident: %.0f MiB before, at most %.0f MiB with %d callers who don't read %d answers each", before/(1<<20), most/(1<<20), callers, asks)
}

// metric scrapes one number of the first replica.
func (s *scene) metric(name string) float64 {
	s.t.Helper()
	response, err := http.Get(s.daemon.URL + "/metrics")
	s.must(err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	s.must(err)
	f := families[name]
	if f == nil || len(f.GetMetric()) != 1 {
		s.t.Fatalf("there is no one number %s", name)
	}
	return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
}

// With statusPage.authentication: kubernetes each sees what the API server lets him get, with the rights of
// the component and not without.
func TestThePagesAskKubernetes(t *testing.T) {
	s := open(t, stage.Options{PageAuthentication: "kubernetes"})
	s.deployGreen("v2")
	s.must(s.Lab.Apply(t.Context(), fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice-views, namespace: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-viewer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}]
`, s.Namespace)))
	report := fmt.Sprintf("/releases/%s/%s-1", s.Namespace, s.Name)
	if code, body := s.page(lab.Alice, "/"); code != http.StatusServiceUnavailable || !strings.Contains(body, "tokenreviews") {
		t.Errorf("without the component: %d %s", code, body)
	}
	out, err := s.Lab.Kubectl(t.Context(), lab.Admin, "apply", "--server-side", "-f", "../../deploy/components/status-page/rbac.yaml")
	if err != nil {
		t.Fatal(out, err)
	}
	t.Cleanup(func() {
		if _, err := s.Lab.Kubectl(context.Background(), lab.Admin, "delete", "-f", "../../deploy/components/status-page/rbac.yaml"); err != nil {
			t.Error(err)
		}
	})
	s.eventually("the rights of the component", func(context.Context) error {
		if code, body := s.page(lab.Admin, "/"); code != http.StatusOK {
			return errors.New(body)
		}
		return nil
	})
	for _, c := range []struct {
		user, path string
		code       int
		shows      bool
	}{
		{"", "/", 401, false},
		{"nobody", "/", 401, false},
		{"", report, 401, false},
		{lab.Bob, "/", 200, false},
		{lab.Bob, "/?namespace=" + s.Namespace, 403, false},
		{lab.Bob, report, 403, false},
		{lab.Alice, "/", 200, true},
		{lab.Alice, "/?namespace=" + s.Namespace, 200, true},
		{lab.Alice, report, 200, true},
		{lab.Admin, "/", 200, true},
		{"", "/healthz", 200, false},
		{"", "/metrics", 200, false},
	} {
		code, body := s.page(c.user, c.path)
		if shows := strings.Contains(body, "v2 (green)"); code != c.code || shows != c.shows {
			t.Errorf("%q asks for %s: %d, the release shown %t; want %d, %t: %.200s", c.user, c.path, code, shows, c.code, c.shows, body)
		}
	}
}

// page gets a page with a user's token; without one for nobody's name, and a forged one for a stranger's.
func (s *scene) page(user, path string) (code int, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.daemon.URL+path, nil)
	s.must(err)
	switch user {
	case "":
	case "nobody":
		request.Header.Set("Authorization", "Bearer forged")
	default:
		request.Header.Set("Authorization", "Bearer "+s.Lab.RESTConfig(user).BearerToken)
	}
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	s.must(err)
	return response.StatusCode, string(text)
}
