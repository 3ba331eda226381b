package lab

// kubernetesVersion is what the Kubernetes programs report; a test holds it to tools/kubernetes/go.mod.
const kubernetesVersion = "v1.37.2"

// program is one binary that the lab can run.
type program struct {
	name   string
	module string // folder of its Go module, from the repository's root
	path   string // its main package
	flags  []string
	env    []string
	// pinned programs are compiled once per state of their module's go.mod and go.sum. The
	// others are this repository's own: go build is asked each time.
	pinned bool
	// asset programs are taken from KUBEBUILDER_ASSETS where they exist.
	asset bool
}

// withoutC compiles what has parts in C without them, as a machine may have no compiler for it.
var withoutC = []string{"CGO_ENABLED=0"}

var (
	strippedFlags   = []string{"-ldflags", "-s -w"}
	kubernetesFlags = []string{"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion}
	prometheusFlags = []string{"-tags", "remove_all_sd,enable_kubernetes_sd", "-ldflags", "-s -w"}
)

var programs = []program{
	{name: "etcd", module: "internal/lab/tools/etcd", path: "go.etcd.io/etcd/server/v3", flags: strippedFlags, pinned: true, asset: true},
	{name: "kube-apiserver", module: "internal/lab/tools/kubernetes", path: "k8s.io/kubernetes/cmd/kube-apiserver", flags: kubernetesFlags, pinned: true, asset: true},
	{name: "kube-controller-manager", module: "internal/lab/tools/kubernetes", path: "k8s.io/kubernetes/cmd/kube-controller-manager", flags: kubernetesFlags, pinned: true},
	{name: "kube-scheduler", module: "internal/lab/tools/kubernetes", path: "k8s.io/kubernetes/cmd/kube-scheduler", flags: kubernetesFlags, pinned: true},
	{name: "kubectl", module: "internal/lab/tools/kubernetes", path: "k8s.io/kubernetes/cmd/kubectl", flags: kubernetesFlags, pinned: true, asset: true},
	{name: "kwok", module: "internal/lab/tools/kwok", path: "sigs.k8s.io/kwok/cmd/kwok", flags: strippedFlags, pinned: true},
	{name: "prometheus", module: "internal/lab/tools/prometheus", path: "github.com/prometheus/prometheus/cmd/prometheus", flags: prometheusFlags, pinned: true},
	{name: "promtool", module: "internal/lab/tools/prometheus", path: "github.com/prometheus/prometheus/cmd/promtool", flags: prometheusFlags, pinned: true},
	{name: "victoria-metrics", module: "internal/lab/tools/victoriametrics", path: "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics", flags: strippedFlags, env: withoutC, pinned: true},
	{name: "pilot-discovery", module: "internal/lab/tools/istio", path: "istio.io/istio/pilot/cmd/pilot-discovery", flags: strippedFlags, pinned: true},
	{name: "traffic-server", module: "internal/lab/traffic", path: "./cmd/server"},
	{name: "traffic-load", module: "internal/lab/traffic", path: "./cmd/load"},
	{name: "greenwatch", module: ".", path: "./cmd/greenwatch"},
}

// The programs that are needed together.
var (
	controlPlane    = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok"}
	istiod          = []string{"pilot-discovery"}
	monitoring      = []string{"prometheus", "promtool"}
	trafficPrograms = []string{"traffic-server", "traffic-load"}
)

// extract is a file that the lab takes out of a Go module's sources at run time.
type extract struct {
	name   string
	module string // folder of the Go module whose go.mod names source
	source string // the module to take it from
	globs  []string
}

var (
	istioCRDs = extract{
		name: "istio-crds.yaml", module: "internal/lab/tools/istio", source: "istio.io/api",
		globs: []string{"kubernetes/customresourcedefinitions.gen.yaml"},
	}
	kwokStages = extract{
		name: "kwok-stages.yaml", module: "internal/lab/tools/kwok", source: "sigs.k8s.io/kwok",
		globs: []string{
			"kustomize/stage/pod/fast/pod-*.yaml",
			"kustomize/stage/pod/chaos/pod-*.yaml",
			"kustomize/stage/node/fast/node-*.yaml",
			"kustomize/stage/node/heartbeat-with-lease/node-*.yaml",
		},
	}
)
