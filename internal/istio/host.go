package istio

import (
	"slices"
	"strings"
)

const clusterSuffix = ".svc.cluster.local"

// Equal tells whether both mean the same subset of the same host, as seen from a VirtualService in
// the namespace. The names that Kubernetes' DNS knows for a Service are one host: reviews,
// reviews.prod, reviews.prod.svc and reviews.prod.svc.cluster.local. All else, such as wildcards and
// hosts outside the cluster, is compared as it stands, and so are subsets: no subset is only equal
// to no subset. Ports do not matter.
func (d Destination) Equal(other Destination, namespace string) bool {
	return d.Subset == other.Subset && qualify(d.Host, namespace) == qualify(other.Host, namespace)
}

// Within tells whether the destination is a Service of the namespace, by one of the names that Kubernetes' DNS
// has for it, in whichever domain the cluster is.
func (d Destination) Within(namespace string) bool {
	labels := strings.Split(d.Host, ".")
	switch {
	case namespace == "" || strings.Contains(d.Host, "*") || slices.Contains(labels, ""):
		return false
	case len(labels) == 1:
		return true
	}
	return labels[1] == namespace && (len(labels) == 2 || labels[2] == "svc")
}

// qualify completes the names of a Service. A name of two labels may as well be a host outside the
// cluster; completing it too is harmless, since it only ever becomes equal to itself.
func qualify(host, namespace string) string {
	if host == "" || strings.Contains(host, "*") {
		return host
	}
	labels := strings.Split(host, ".")
	switch {
	case len(labels) == 1:
		return host + "." + namespace + clusterSuffix
	case len(labels) == 2:
		return host + clusterSuffix
	case len(labels) == 3 && labels[2] == "svc":
		return strings.TrimSuffix(host, ".svc") + clusterSuffix
	}
	return host
}

// resolvable is the host in a form that Istio finds: it completes names without a dot and takes all
// others for complete, so that reviews.prod, which a policy may well say, would lead nowhere. The
// short form is preferred, since only Istio knows the cluster's domain.
func resolvable(host, namespace string) string {
	if name, ok := strings.CutSuffix(strings.TrimSuffix(host, ".svc"), "."+namespace); ok && !strings.Contains(name, ".") {
		return name
	}
	if strings.HasSuffix(host, ".svc") {
		return qualify(host, namespace)
	}
	return host
}
