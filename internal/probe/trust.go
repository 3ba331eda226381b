package probe

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Trust says which hosts policies may have asked besides the Services of their own namespace.
type Trust struct {
	// Domain is the cluster's.
	Domain string `json:"domain"`
	// Hosts are compared exactly and without the port.
	Hosts []Host `json:"hosts"`
}

// Host is a name or an address. Policies of the Namespaces may have it asked; none: all policies.
type Host struct {
	Host       string   `json:"host"`
	Namespaces []string `json:"namespaces"`
}

// SetText takes a host that is written as a text alone.
func (h *Host) SetText(s string) { h.Host = s }

// Default trusts no host besides.
func Default() Trust { return Trust{Domain: "cluster.local"} }

// Example is a URL that may be asked.
const Example = "http://shop-${slot}.${namespace}.svc:8080/health"

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Check tells what forbids to ask a URL for a policy of the namespace, if anything does, as what the URL does.
// Placeholders are filled in before. The URL is not repeated, since it may hold what is secret.
func (t Trust) Check(address, namespace string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("is no URL that can be asked; write it such as " + Example)
	case u.User != nil:
		return errors.New("holds a user's name or password; write host, port and path only")
	case strings.Contains(address, "#"):
		return errors.New("ends in a fragment, which no server sees; leave it out")
	case !t.allows(u.Hostname(), namespace):
		return fmt.Errorf("leads to %s, which may not be asked; write a Service of the policy's own namespace, NAME.%s.svc or NAME.%s.svc.%s, or have the host named in probes.hosts of the daemon's file",
			u.Hostname(), namespace, namespace, t.Domain)
	}
	return nil
}

// allows tells whether a host may be asked: one of the list, or NAME.NAMESPACE.svc, with the cluster's domain
// or without. Another domain is not taken, since its names may lead anywhere.
func (t Trust) allows(host, namespace string) bool {
	if t.names(host, namespace) {
		return true
	}
	_, is := t.service(host, namespace)
	return is
}

// names tells whether the daemon's file lets policies of the namespace have the host asked.
func (t Trust) names(host, namespace string) bool {
	return slices.ContainsFunc(t.Hosts, func(h Host) bool {
		return h.Host == host && (len(h.Namespaces) == 0 || slices.Contains(h.Namespaces, namespace))
	})
}

// service gives the name of the namespace's Service that a host is.
func (t Trust) service(host, namespace string) (name string, is bool) {
	name, rest, _ := strings.Cut(host, ".")
	own := namespace + ".svc"
	return name, namespace != "" && label.MatchString(name) && (rest == own || t.Domain != "" && rest == own+"."+t.Domain)
}
