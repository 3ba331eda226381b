// Package lab runs a real Kubernetes and Istio control plane, Prometheus and real gRPC traffic
// on loopback, without containers, for end-to-end tests and the demo.
//
// A lab is etcd, kube-apiserver, the controllers a Deployment needs, the scheduler, kwok in the
// place of kubelets, istiod, and on request Prometheus. Pods are objects only; where a service
// is declared with StartService, a real server process stands for each of its slots and is kept
// in step with the slot's pods, so that a slot without a ready pod has no server.
//
//	l, err := lab.Start(ctx, lab.Options{})
//	defer l.Close()
//	prom, err := l.StartPrometheus(ctx, lab.PrometheusOptions{})
//	shop, err := l.StartService(ctx, lab.ServiceOptions{Namespace: "shop", Name: "echo", Prometheus: prom})
//	err = shop.Deploy(ctx, "blue", lab.Deployment{Version: "v1", Replicas: 3})
//	err = shop.WaitServing(ctx, "blue", "v1")
//	load, err := l.StartLoad(ctx, lab.LoadOptions{Service: shop, RPS: 100})
//	err = shop.SetWeights(ctx, "kubectl", 0, 100)
//	err = shop.SetFaults(ctx, "green", lab.Faults{ErrorRatio: 0.2})
//
// Tests share one lab per test binary and are kept apart by namespace:
//
//	var cluster lab.Shared
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }
//
//	func TestShare(t *testing.T) {
//		l := cluster.ForTest(t) // l.Namespace is this test's own
//	}
//
// Four people are known to the API server: Admin, Greenwatch (a service account's identity with
// the rights that its manifests grant, and no other), Alice (group oncall) and Bob (no rights).
// Kubeconfig, KubeconfigVia and RESTConfig speak for one of them; Audit lists what all but Admin
// asked of the API server. Process gives a part of the lab to stop, pause or start again.
//
// Prometheus knows no more than its targets expose, unless Backfill gives it a past. Command
// labctl (cmd/labctl) builds everything, or runs a lab by hand.
//
// A pod's labels and annotations say how it behaves: see StateLabel and ReadyAfterAnnotation.
//
// The programs are compiled once from the nested modules under tools into .lab/bin of the
// repository, or into GREENWATCH_LAB_BIN (about 20 minutes on two cores; later starts take
// seconds), and again when a module's go.mod or go.sum changes. KUBEBUILDER_ASSETS is honoured
// for etcd, kube-apiserver and kubectl. Each lab has 256 loopback addresses of its own
// (127.64.n.0/24), so labs run side by side, and every process ends with the one that started
// it, however that one ends. With GREENWATCH_LAB_KEEP set, data and logs survive Close.
//
// The package needs Linux, where all of 127.0.0.0/8 is loopback. It imports nothing of the
// product.
package lab
