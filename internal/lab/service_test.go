package lab

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func startShop(t *testing.T, o ServiceOptions) *Service {
	t.Helper()
	l := cluster.ForTest(t)
	o.Namespace, o.Name = l.Namespace, "echo"
	s, err := l.StartService(t.Context(), o)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func deploy(t *testing.T, s *Service, slot string, d Deployment) {
	t.Helper()
	must(t, s.Deploy(t.Context(), slot, d))
	must(t, s.WaitServing(t.Context(), slot, d.Version))
}

func TestTrafficFollowsTheWeights(t *testing.T) {
	for _, hosts := range []bool{false, true} {
		t.Run(fmt.Sprintf("host per slot %v", hosts), func(t *testing.T) {
			s := startShop(t, ServiceOptions{HostPerSlot: hosts})
			deploy(t, s, "blue", Deployment{Version: "v1", Replicas: 2})
			deploy(t, s, "green", Deployment{Version: "v2", Replicas: 2})
			load, err := s.lab.StartLoad(t.Context(), LoadOptions{Service: s})
			must(t, err)
			t.Cleanup(func() { load.Close() })
			if slots := slotsSince(t, load, time.Time{}, 20); !slices.Equal(slots, []string{"blue v1"}) {
				t.Fatalf("before the weights moved, the calls reached %q", slots)
			}

			patched := time.Now()
			must(t, s.SetWeights(t.Context(), "kubectl", 0, 100))
			if slots := slotsSince(t, load, patched.Add(time.Second), 20); !slices.Equal(slots, []string{"green v2"}) {
				t.Errorf("a second after the weights moved, the calls reached %q", slots)
			}
			counts, err := load.Counts(t.Context())
			must(t, err)
			if counts.Errors > 0 || counts.BySlot["blue"] == 0 || counts.BySlot["green"] == 0 {
				t.Errorf("moving the weights cost calls: %+v", counts)
			}
		})
	}
}

// slotsSince lists which slots and versions answered the first n calls that started after since.
func slotsSince(t *testing.T, load *Load, since time.Time, n int) []string {
	t.Helper()
	var slots []string
	eventually(t, func(ctx context.Context) error {
		calls, err := load.Calls(ctx, since)
		if err != nil {
			return err
		}
		slots = nil
		for _, c := range calls {
			if c.Start.After(since) && c.Error == "" {
				slots = append(slots, c.Slot+" "+c.Version)
			}
		}
		if len(slots) < n {
			return fmt.Errorf("%d calls so far", len(slots))
		}
		return nil
	})
	slices.Sort(slots)
	return slices.Compact(slots)
}

func TestServersKeepInStep(t *testing.T) {
	s := startShop(t, ServiceOptions{})
	deploy(t, s, "blue", Deployment{Version: "v1", Replicas: 2})
	assertAnswers(t, s, "blue", true)

	must(t, s.Scale(t.Context(), "blue", 0))
	must(t, s.WaitGone(t.Context(), "blue"))
	assertAnswers(t, s, "blue", false)

	must(t, s.Scale(t.Context(), "blue", 1))
	must(t, s.WaitServing(t.Context(), "blue", "v1"))
	assertAnswers(t, s, "blue", true)

	deploy(t, s, "blue", Deployment{Version: "v2", Replicas: 1})
	assertAnswers(t, s, "blue", true)
	if state, err := s.State("blue"); err != nil || state.Starts != 3 {
		t.Errorf("the slot is %+v, %v; want 3 starts", state, err)
	}
	if state, err := s.State("green"); err != nil || state.Serving {
		t.Errorf("a slot without pods is %+v, %v", state, err)
	}
}

// assertAnswers tells whether somebody listens at the slot's address.
func assertAnswers(t *testing.T, s *Service, slot string, want bool) {
	t.Helper()
	state, err := s.State(slot)
	must(t, err)
	conn, err := net.DialTimeout("tcp", state.Address, time.Second)
	if err == nil {
		conn.Close()
	}
	if got := err == nil; got != want {
		t.Errorf("slot %s answers: %v, want %v (%v)", slot, got, want, err)
	}
}

func TestACrashedServerStaysDownUntilItsPodsAreReplaced(t *testing.T) {
	s := startShop(t, ServiceOptions{})
	deploy(t, s, "green", Deployment{Version: "v1", Replicas: 2})
	must(t, s.SetFaults(t.Context(), "green", Faults{Crash: true}))
	must(t, s.WaitGone(t.Context(), "green"))
	eventually(t, func(ctx context.Context) error { return readyReplicas(ctx, s, "green", 0) })
	assertAnswers(t, s, "green", false)

	must(t, s.Scale(t.Context(), "green", 0))
	must(t, s.WaitGone(t.Context(), "green"))
	must(t, s.Scale(t.Context(), "green", 1))
	must(t, s.WaitServing(t.Context(), "green", "v1"))
}

func TestCrashLoopingPodsHaveNoServer(t *testing.T) {
	s := startShop(t, ServiceOptions{})
	must(t, s.Deploy(t.Context(), "green", Deployment{Version: "v1", Replicas: 1, CrashLooping: true}))
	eventually(t, func(ctx context.Context) error {
		pods, err := s.client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if failing(&pod) {
				return nil
			}
		}
		return fmt.Errorf("none of %d pods crash-loops", len(pods.Items))
	})
	assertAnswers(t, s, "green", false)
}

func readyReplicas(ctx context.Context, s *Service, slot string, want int32) error {
	d, err := s.client.AppsV1().Deployments(s.Namespace).Get(ctx, s.Name+"-"+slot, metav1.GetOptions{})
	if err == nil && d.Status.ReadyReplicas != want {
		err = fmt.Errorf("%d replicas are ready, want %d", d.Status.ReadyReplicas, want)
	}
	return err
}

func TestSlotsStartAsSlowlyAsTheyAreTold(t *testing.T) {
	const readyAfter, startup = 1500 * time.Millisecond, time.Second
	s := startShop(t, ServiceOptions{StartupDelay: startup})
	begin := time.Now()
	deploy(t, s, "blue", Deployment{Version: "v1", Replicas: 1, ReadyAfter: readyAfter})
	if took := time.Since(begin); took < readyAfter+startup {
		t.Errorf("the slot served after %s, want at least %s", took, readyAfter+startup)
	}
}

func TestPrometheusSeesTheServers(t *testing.T) {
	p := startPrometheus(t, PrometheusOptions{ScrapeInterval: 200 * time.Millisecond})
	s := startShop(t, ServiceOptions{Prometheus: p})
	deploy(t, s, "blue", Deployment{Version: "v1", Replicas: 1})
	load, err := s.lab.StartLoad(t.Context(), LoadOptions{Service: s})
	must(t, err)
	t.Cleanup(func() { must(t, load.Close()) })
	errorsSeen := fmt.Sprintf(`sum(increase(http_requests_total{deployment="blue",namespace=%q,status=~"5.."}[5s])) > bool 0`, s.Namespace)
	wantValue(t, p, fmt.Sprintf(`sum(increase(http_requests_total{deployment="blue",namespace=%q}[5s])) > bool 10`, s.Namespace), 1)
	wantValue(t, p, errorsSeen, 0)

	must(t, s.SetFaults(t.Context(), "blue", Faults{ErrorRatio: 0.5}))
	wantValue(t, p, errorsSeen, 1)
	must(t, s.SetFaults(t.Context(), "blue", Faults{Silent: true}))
	wantValue(t, p, `up{deployment="blue"}`, 0)

	must(t, s.Scale(t.Context(), "blue", 0))
	must(t, s.WaitGone(t.Context(), "blue"))
	wantValue(t, p, `count(up{deployment="blue"}) or vector(0)`, 0)
}
