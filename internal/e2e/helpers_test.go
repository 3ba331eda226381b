package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

const (
	// soon is how long a step of a story may take: many times what it takes on an idle machine.
	soon = 40 * time.Second
	// follow is how long real requests may take to follow the weights.
	follow = 2 * time.Second
	// atOnce is how long a decision may take to become weights where nothing is to be waited for;
	// decisions are noted in whole seconds.
	atOnce = 3 * time.Second
	// greenwatchUser is what the API server calls the daemon.
	greenwatchUser = "system:serviceaccount:greenwatch:greenwatch"
	// operator is the field manager of the people and tools that release.
	operator = "kubectl"
)

var (
	releases        = schema.GroupVersionResource{Group: "greenwatch.dev", Version: "v1alpha1", Resource: "releases"}
	watchPolicies   = schema.GroupVersionResource{Group: "greenwatch.dev", Version: "v1alpha1", Resource: "watchpolicies"}
	virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
)

// scene is one test's stage. Its methods fail the test where something goes wrong.
type scene struct {
	*stage.Stage
	t       *testing.T
	client  kubernetes.Interface
	objects dynamic.Interface
	// daemon is the first replica of greenwatch, once it runs.
	daemon *stage.Daemon
}

// set sets a stage in a namespace of the test's own. greenwatch does not run yet.
func set(t *testing.T, o stage.Options) *scene {
	t.Helper()
	l := cluster.ForTest(t)
	o.Lab, o.Namespace = l.Lab, l.Namespace
	s := &scene{t: t}
	var err error
	s.client, s.objects, err = l.Clients(lab.Admin)
	s.must(err)
	s.Stage, err = stage.Start(t.Context(), o)
	s.must(err)
	t.Cleanup(func() {
		s.tell()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// open sets a stage, starts greenwatch and waits until it looks after the service.
func open(t *testing.T, o stage.Options) *scene {
	t.Helper()
	s := set(t, o)
	s.startDaemon()
	s.watch()
	return s
}

func (s *scene) startDaemon() {
	s.t.Helper()
	d, err := s.StartDaemon(s.t.Context())
	s.must(err)
	if s.daemon == nil {
		s.daemon = d
	}
}

// watch applies the policy and waits until greenwatch obeys it and knows what runs.
func (s *scene) watch() {
	s.t.Helper()
	s.must(s.Watch(s.t.Context()))
	s.eventually("greenwatch to obey the policy", func(ctx context.Context) error {
		p, err := s.policy(ctx)
		switch {
		case err != nil:
			return err
		case len(p.Status.Conditions) == 0 || p.Status.Conditions[0].Status != "True" || len(p.Status.Accepted) == 0:
			return fmt.Errorf("the policy's status is %+v", p.Status)
		}
		return nil
	})
}

// tell logs what was going on in a test that failed.
func (s *scene) tell() {
	if !s.t.Failed() {
		return
	}
	for n := 1; n < 4; n++ {
		if r, err := s.releaseNo(context.Background(), n); err == nil {
			text, _ := json.Marshal(r.Status)
			s.t.Logf("release %s: %s", r.Name, text)
		}
	}
	for _, i := range s.PagerDuty.Incidents() {
		s.t.Logf("incident %s is %s: %s", i.DedupKey, i.Status, i.Events[0].Summary)
	}
	if s.daemon != nil {
		s.t.Log(s.daemon.Tail(40))
	}
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits until try gives no error.
func (s *scene) eventually(what string, try func(context.Context) error) {
	s.t.Helper()
	s.within(soon, what, try)
}

// within waits until try gives no error, no longer than that.
func (s *scene) within(d time.Duration, what string, try func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	if err := lab.Until(ctx, try); err != nil {
		s.t.Fatalf("waiting for %s: %v", what, err)
	}
}

// steadily fails the test if try gives an error at any time within the duration.
func (s *scene) steadily(what string, d time.Duration, try func(context.Context) error) {
	s.t.Helper()
	end := time.Now().Add(d)
	var broken error
	err := lab.Until(s.t.Context(), func(ctx context.Context) error {
		if broken = try(ctx); broken == nil && time.Now().Before(end) {
			return errors.New("not over yet")
		}
		return nil
	})
	if err := errors.Join(err, broken); err != nil {
		s.t.Fatalf("%s, for %s: %v", what, d, err)
	}
}

func (s *scene) policy(ctx context.Context) (*v1alpha1.WatchPolicy, error) {
	p := &v1alpha1.WatchPolicy{}
	return p, s.get(ctx, watchPolicies, s.Name, p)
}

// releaseNo reads one of the policy's releases.
func (s *scene) releaseNo(ctx context.Context, n int) (*v1alpha1.Release, error) {
	r := &v1alpha1.Release{}
	return r, s.get(ctx, releases, fmt.Sprintf("%s-%d", s.Name, n), r)
}

func (s *scene) get(ctx context.Context, kind schema.GroupVersionResource, name string, into any) error {
	return s.getIn(ctx, s.Namespace, kind, name, into)
}

func (s *scene) getIn(ctx context.Context, namespace string, kind schema.GroupVersionResource, name string, into any) error {
	u, err := s.objects.Resource(kind).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// await waits until the first release is so, and gives it.
func (s *scene) await(what string, so func(*v1alpha1.Release) bool) *v1alpha1.Release {
	s.t.Helper()
	var r *v1alpha1.Release
	s.eventually(what, func(ctx context.Context) (err error) {
		if r, err = s.releaseNo(ctx, 1); err != nil {
			return err
		}
		if !so(r) {
			return fmt.Errorf("the release is %s, verdict %s: %s", r.Status.Phase, r.Status.Verdict.Tier, r.Status.Verdict.Reason)
		}
		return nil
	})
	return r
}

// awaitPhase waits until the first release is in one of the phases.
func (s *scene) awaitPhase(phases ...release.Phase) *v1alpha1.Release {
	s.t.Helper()
	return s.await(fmt.Sprintf("phase %s", phases), func(r *v1alpha1.Release) bool { return slices.Contains(phases, r.Status.Phase) })
}

// deployGreen rolls a version out in slot green and waits until greenwatch has seen it.
func (s *scene) deployGreen(version string) {
	s.t.Helper()
	s.must(s.Service.Deploy(s.t.Context(), "green", lab.Deployment{Version: version, Replicas: 3}))
	s.must(s.Service.WaitServing(s.t.Context(), "green", version))
	s.awaitPhase(release.Deployed)
}

// setGreen gives green its share in percent, and blue the rest, and waits until greenwatch has seen it.
func (s *scene) setGreen(share int) {
	s.t.Helper()
	s.must(s.Service.SetWeights(s.t.Context(), operator, 100-share, share))
	phase := release.Canary
	if share == 100 {
		phase = release.Watching
	}
	s.awaitPhase(phase)
}

// cutOver deploys v2 to green and gives it all the traffic.
func (s *scene) cutOver() {
	s.t.Helper()
	s.deployGreen("v2")
	s.setGreen(100)
	s.served("green", 20)
}

// served waits until a slot has answered so many calls more.
func (s *scene) served(slot string, n int) {
	s.t.Helper()
	before := s.count(slot)
	s.eventually("calls to "+slot, func(context.Context) error {
		if now := s.count(slot); now < before+n {
			return fmt.Errorf("%d calls, want %d", now-before, n)
		}
		return nil
	})
}

func (s *scene) count(slot string) int {
	s.t.Helper()
	c, err := s.Load.Counts(s.t.Context())
	s.must(err)
	return c.BySlot[slot]
}

// fail makes a slot fail that part of its requests.
func (s *scene) fail(slot string, ratio float64) {
	s.t.Helper()
	s.must(s.Service.SetFaults(s.t.Context(), slot, lab.Faults{ErrorRatio: ratio}))
}

// wantWeights is an error if the slots have other weights in the route.
func (s *scene) wantWeights(ctx context.Context, blue, green int64) error {
	vs, err := s.objects.Resource(virtualServices).Namespace(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	want := map[string]int64{"blue": blue, "green": green}
	if got := weights(vs, s.Service.Route); !maps.Equal(got, want) {
		return fmt.Errorf("the weights are %v, want %v", got, want)
	}
	return nil
}

// weigh is wantWeights as something to look at again and again.
func (s *scene) weigh(blue, green int64) func(context.Context) error {
	return func(ctx context.Context) error { return s.wantWeights(ctx, blue, green) }
}

// weights are those of a route's destinations, by subset.
func weights(vs *unstructured.Unstructured, route string) map[string]int64 {
	found := map[string]int64{}
	routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
	for _, r := range routes {
		r := r.(map[string]any)
		if r["name"] != route {
			continue
		}
		for _, d := range r["route"].([]any) {
			d := d.(map[string]any)
			subset, _, _ := unstructured.NestedString(d, "destination", "subset")
			found[subset], _, _ = unstructured.NestedInt64(d, "weight")
		}
	}
	return found
}

// writes are greenwatch's successful writes of a resource (as in deployments/scale), oldest first.
func (s *scene) writes(resource string) []lab.Request {
	s.t.Helper()
	all, err := s.Lab.Audit()
	s.must(err)
	return slices.DeleteFunc(all, func(r lab.Request) bool {
		kind := strings.TrimSuffix(r.Object.Resource+"/"+r.Object.Subresource, "/")
		return kind != resource || !r.Writes() || r.Status.Code >= 300 || r.User.Username != greenwatchUser || r.Object.Namespace != s.Namespace
	})
}

// rolledBack waits until the release was rolled back, proven and all, and gives it with the moment at
// which the API server took the weights.
func (s *scene) rolledBack() (*v1alpha1.Release, time.Time) {
	s.t.Helper()
	r := s.awaitPhase(release.RolledBack)
	s.must(s.wantWeights(s.t.Context(), 100, 0))
	writes := s.writes("virtualservices")
	if len(writes) != 1 {
		s.t.Fatalf("greenwatch wrote the VirtualService %d times, want once", len(writes))
	}
	return r, writes[0].At
}

// requestsFollow asserts that blue serves what began after the move, and green nothing.
func (s *scene) requestsFollow(moved time.Time) {
	s.t.Helper()
	begun := time.Now().Add(follow)
	var calls []lab.Call
	s.eventually("calls after the move", func(ctx context.Context) (err error) {
		calls, err = s.Load.Calls(ctx, moved.Add(follow))
		if err == nil && (len(calls) == 0 || calls[len(calls)-1].End.Before(begun)) {
			err = fmt.Errorf("%d calls so far", len(calls))
		}
		return err
	})
	blue := 0
	for _, c := range calls {
		switch {
		case c.Start.Before(moved.Add(follow)):
		case c.Slot == "green":
			s.t.Fatalf("a call reached green %s after the weights were set", c.Start.Sub(moved))
		case c.Slot == "blue" && c.Error == "":
			blue++
		}
	}
	if blue == 0 {
		s.t.Fatalf("blue served none of %d calls after the move", len(calls))
	}
}

// noneLost asserts that each call since then has reached a slot.
func (s *scene) noneLost(since time.Time) {
	s.t.Helper()
	calls, err := s.Load.Calls(s.t.Context(), since)
	s.must(err)
	lost := map[string]int{}
	for _, c := range calls {
		if c.Slot == "" {
			lost[c.Error]++
		}
	}
	if len(lost) > 0 {
		s.t.Errorf("of %d calls these reached no slot: %v", len(calls), lost)
	}
}

// incident waits until there is an incident of that code, and gives it.
func (s *scene) incident(code release.Code) (found standin.Incident) {
	s.t.Helper()
	s.eventually("incident "+string(code), func(context.Context) error {
		for _, i := range s.PagerDuty.Incidents() {
			if strings.HasSuffix(i.DedupKey, "/"+string(code)) {
				found = i
				return nil
			}
		}
		return fmt.Errorf("there are %s", s.codes())
	})
	return found
}

// codes are those of all incidents so far, in order.
func (s *scene) codes() []release.Code {
	var codes []release.Code
	for _, i := range s.PagerDuty.Incidents() {
		codes = append(codes, release.Code(i.DedupKey[strings.LastIndex(i.DedupKey, "/")+1:]))
	}
	return codes
}

// paged asserts that there is one incident of that code, critical and opened by one trigger, and gives
// its summary.
func (s *scene) paged(code release.Code) string {
	s.t.Helper()
	i := s.incident(code)
	if n := len(slices.DeleteFunc(s.codes(), func(c release.Code) bool { return c != code })); n != 1 {
		s.t.Errorf("%d incidents %s, want 1: %s", n, code, s.codes())
	}
	if i.Triggers() != 1 || i.Events[0].Severity != "critical" {
		s.t.Errorf("incident %s has %d triggers and is %s, want 1, critical", code, i.Triggers(), i.Events[0].Severity)
	}
	return i.Events[0].Summary
}

// resolved waits until all incidents are.
func (s *scene) resolved() {
	s.t.Helper()
	s.resolvedUnder("")
}

// resolvedUnder waits until the incidents whose keys begin so are resolved.
func (s *scene) resolvedUnder(prefix string) {
	s.t.Helper()
	s.eventually("the incidents to be resolved", func(context.Context) error {
		for _, i := range s.PagerDuty.Incidents() {
			if strings.HasPrefix(i.DedupKey, prefix) && i.Status != standin.Resolved {
				return fmt.Errorf("%s is %s", i.DedupKey, i.Status)
			}
		}
		return nil
	})
}

// told asserts that Slack has one message, edited, that at last says all of the words.
func (s *scene) told(words ...string) {
	s.t.Helper()
	s.eventually("the Slack message", func(context.Context) error {
		all := s.Slack.Messages()
		if len(all) != 1 || all[0].Edits() == 0 {
			return fmt.Errorf("%d messages, want one, edited", len(all))
		}
		for _, w := range words {
			if text := all[0].Text + string(all[0].Blocks); !strings.Contains(text, w) {
				return fmt.Errorf("it does not say %q: %s", w, text)
			}
		}
		return nil
	})
	if n := len(s.Slack.Messages()); n != 1 {
		s.t.Errorf("%d Slack messages, want 1", n)
	}
}

// patch merges a patch into an object of the stage, in a person's name.
func (s *scene) patch(user string, kind schema.GroupVersionResource, name, patch string) error {
	_, objects, err := s.Lab.Clients(user)
	if err != nil {
		return err
	}
	_, err = objects.Resource(kind).Namespace(s.Namespace).Patch(s.t.Context(), name, types.MergePatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: operator})
	return err
}
