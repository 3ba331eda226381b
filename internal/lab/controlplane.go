package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	istioNamespace = "istio-system"
	podsPerNode    = "1000"
	// Only what brings Deployments, Jobs and Services to life. No node lifecycle controller runs.
	controllers = "deployment-controller,replicaset-controller,endpointslice-controller,job-controller," +
		"garbage-collector-controller,namespace-controller,serviceaccount-controller"
)

// What a pod's labels and annotations ask of the lab.
const (
	// StateLabel with value CrashLooping makes a pod's containers fail, from its start or from
	// the moment the label is set, until the pod is replaced.
	StateLabel   = "lab.greenwatch.dev/state"
	CrashLooping = "crash-loop"
	// ReadyAfterAnnotation delays a pod's readiness by a Go duration. A pod that shall never be
	// ready asks for a long one.
	ReadyAfterAnnotation = "lab.greenwatch.dev/ready-after"
)

//go:embed stages.yaml
var ownStages []byte

// auditPolicy records what everybody but the control plane and the tests' own admin asks,
// with what they sent.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [admin, "system:apiserver"]}
- {level: None, userGroups: ["system:unauthenticated"]}
- {level: Request}
`

func (l *Lab) startControlPlane(ctx context.Context, o Options) error {
	if err := l.startEtcd(ctx); err != nil {
		return err
	}
	if err := l.startAPIServer(ctx, o); err != nil {
		return err
	}
	admin, err := l.Kubeconfig(Admin)
	if err != nil {
		return err
	}
	if err := l.startControllers(ctx, admin); err != nil {
		return err
	}
	if err := l.startKwok(ctx, admin); err != nil {
		return err
	}
	return l.addNodes(ctx, max(1, o.Nodes))
}

func (l *Lab) startEtcd(ctx context.Context) error {
	client, err := freePort(l.Host(), 2379)
	if err != nil {
		return err
	}
	peer, err := freePort(l.Host(), 2380)
	if err != nil {
		return err
	}
	l.etcd = "http://" + client
	return l.start(ctx, "etcd", part{
		args: []string{
			"--data-dir", "data", "--unsafe-no-fsync", "--log-level", "warn",
			"--listen-client-urls", l.etcd, "--advertise-client-urls", l.etcd,
			"--listen-peer-urls", "http://" + peer, "--initial-advertise-peer-urls", "http://" + peer,
			"--initial-cluster", "default=http://" + peer,
		},
		up: answers(http.DefaultClient, l.etcd+"/health"),
	})
}

func (l *Lab) startAPIServer(ctx context.Context, o Options) error {
	address, err := freePort(l.Host(), 6443)
	if err != nil {
		return err
	}
	l.apiURL = "https://" + address
	dir, err := l.apiServerFiles(everyone(o.Users))
	if err != nil {
		return fmt.Errorf("prepare kube-apiserver: %w", err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(l.RESTConfig(Admin))
	if err != nil {
		return err
	}
	return l.start(ctx, "kube-apiserver", part{
		args: append(apiServerFlags(dir),
			"--etcd-servers", l.etcd, "--bind-address", l.Host(), "--secure-port", port),
		up: answers(client, l.apiURL+"/readyz"),
	})
}

// apiServerFiles writes what the API server reads at its start.
func (l *Lab) apiServerFiles(users []User) (dir string, err error) {
	dir = l.partDir("kube-apiserver")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := l.authority.serve(dir, "serving", l.Host()); err != nil {
		return "", err
	}
	if err := newKeyFile(filepath.Join(dir, "service-accounts.key")); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "audit.yaml"), []byte(auditPolicy), 0o644); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "tokens.csv"), tokenFile(users, l.tokens), 0o600)
}

func apiServerFlags(dir string) []string {
	in := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"--cert-dir", in("certs"), "--tls-cert-file", in("serving.crt"), "--tls-private-key-file", in("serving.key"),
		"--service-account-key-file", in("service-accounts.key"),
		"--service-account-signing-key-file", in("service-accounts.key"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-cluster-ip-range", "10.96.0.0/16",
		"--token-auth-file", in("tokens.csv"), "--authorization-mode", "RBAC",
		"--audit-policy-file", in("audit.yaml"), "--audit-log-path", in(auditLog),
		"--endpoint-reconciler-type", "none", // it refuses to advertise a loopback address
		"--disable-admission-plugins", "ServiceAccount,TaintNodesByCondition", // nothing would lift the taints
	}
}

func (l *Lab) startControllers(ctx context.Context, admin string) error {
	err := l.start(ctx, "kube-controller-manager", part{args: []string{
		"--kubeconfig", admin, "--leader-elect=false", "--secure-port", "0", "--controllers", controllers,
		"--service-account-private-key-file", filepath.Join(l.partDir("kube-apiserver"), "service-accounts.key"),
		"--kube-api-qps", "500", "--kube-api-burst", "1000",
	}})
	if err != nil {
		return err
	}
	return l.start(ctx, "kube-scheduler", part{args: []string{
		"--kubeconfig", admin, "--leader-elect=false", "--secure-port", "0",
		"--kube-api-qps", "500", "--kube-api-burst", "1000",
	}})
}

func (l *Lab) startKwok(ctx context.Context, admin string) error {
	theirs, err := l.programs.shop.extract(ctx, kwokStages)
	if err != nil {
		return err
	}
	dir := l.partDir("kwok")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ours := filepath.Join(dir, "stages.yaml")
	if err := os.WriteFile(ours, ownStages, 0o644); err != nil {
		return err
	}
	return l.start(ctx, "kwok", part{args: []string{
		"--kubeconfig", admin, "--config", theirs, "--config", ours,
		"--manage-all-nodes=true", "--cidr", "10.128.0.0/16", "--node-ip", l.Host(),
	}})
}

func (l *Lab) addNodes(ctx context.Context, n int) error {
	client, err := kubernetes.NewForConfig(l.RESTConfig(Admin))
	if err != nil {
		return err
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("1000"),
		corev1.ResourceMemory: resource.MustParse("4Ti"),
		corev1.ResourcePods:   resource.MustParse(podsPerNode),
	}
	for i := range n {
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i+1), Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}},
			Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create %s: %w", node.Name, err)
		}
	}
	return nil
}

// awaitNodes returns once the nodes are ready, and so proves that kwok works. The controllers
// and the scheduler answer nobody; it only sees that they still run.
func (l *Lab) awaitNodes(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(l.RESTConfig(Admin))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("the nodes are not ready within %s", startWithin))
	defer cancel()
	ready := Until(ctx, func(ctx context.Context) error { return nodesReady(ctx, client) })
	return errors.Join(ready, l.failed())
}

func nodesReady(ctx context.Context, client kubernetes.Interface) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range nodes.Items {
		isReady := func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}
		if !slices.ContainsFunc(node.Status.Conditions, isReady) {
			return fmt.Errorf("%s is not ready", node.Name)
		}
	}
	return nil
}

const meshConfig = `trustDomain: cluster.local
enableAutoMtls: false
defaultConfig: {discoveryAddress: %q}
`

func (l *Lab) startIstiod(ctx context.Context) error {
	var address [3]string
	for i, port := range []int{15010, 8080, 15014} {
		var err error
		if address[i], err = freePort(l.Host(), port); err != nil {
			return err
		}
	}
	l.xds = address[0]
	admin, err := l.Kubeconfig(Admin)
	if err != nil {
		return err
	}
	dir := l.partDir("pilot-discovery")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mesh := filepath.Join(dir, "mesh.yaml")
	if err := os.WriteFile(mesh, fmt.Appendf(nil, meshConfig, l.xds), 0o644); err != nil {
		return err
	}
	return l.start(ctx, "pilot-discovery", part{
		args: []string{
			"discovery", "--kubeconfig", admin, "--namespace", istioNamespace, "--clusterID", "Kubernetes",
			"--meshConfig", mesh, "--networksConfig", os.DevNull,
			"--grpcAddr", address[0], "--httpAddr", address[1], "--monitoringAddr", address[2],
			"--httpsAddr", "", "--secureGRPCAddr", "", "--ctrlz_port", "0", "--ctrlz_address", l.Host(),
			"--shutdownDuration", "1s",
		},
		env: []string{
			"POD_NAMESPACE=" + istioNamespace, "CLUSTER_ID=Kubernetes", "ENABLE_CA_SERVER=false",
			"PILOT_CERT_PROVIDER=none", "XDS_AUTH=false",
			"VALIDATION_WEBHOOK_CONFIG_NAME=", "INJECTION_WEBHOOK_CONFIG_NAME=",
		},
		up: answers(http.DefaultClient, "http://"+address[1]+"/ready"),
	})
}

// addIstio creates Istio's CRDs and its namespace.
func (l *Lab) addIstio(ctx context.Context) error {
	path, err := l.programs.shop.extract(ctx, istioCRDs)
	if err != nil {
		return err
	}
	crds, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	namespace := "\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: " + istioNamespace + "}}\n"
	return l.Apply(ctx, string(crds)+namespace)
}

// answers tells whether a GET of the URL is answered with 200.
func answers(client *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(http.MaxBytesReader(nil, response.Body, 4<<10))
		return fmt.Errorf("GET %s: %s: %s", url, response.Status, strings.TrimSpace(body.String()))
	}
}
