package scenario

import (
	"fmt"
	"math"
)

const (
	mebibyte    = 1 << 20
	memoryLimit = 2 << 30
)

// node writes what a kubelet shows of a pod's memory: what is in use, and the garbage on top of it.
func (p *page) node(d dice, s Scenario, slot string, n int, pod Pod) {
	cycle, height := d.between(60, 400), d.between(5, 40)
	for _, c := range s.Observation.scrapes(d, s.begin(slot), s.Truth.Until) {
		if c.failed {
			continue
		}
		labels := p.labels(c.server, "kubelet", "node", fmt.Sprintf(`,pod=%q,container="knowledgebeast"`, podName(slot, n)))
		garbage := height * math.Mod(c.at+7200, cycle) / cycle
		p.sample("container_memory_working_set_bytes", labels, math.Round((pod.Memory(c.at)+garbage)*mebibyte), c.at)
		p.sample("container_start_time_seconds", labels, math.Round(p.cutover+pod.started(s.begin(slot), c.at)), c.at)
	}
}

// deployment writes what kube-state-metrics shows of a slot.
func (p *page) deployment(d dice, s Scenario, slot string) {
	pods := s.Truth.slot(slot == Candidate)
	for _, c := range s.Observation.scrapes(d, s.begin(slot), s.Truth.Until) {
		if c.failed {
			continue
		}
		labels := p.labels(c.server, "kube-state-metrics", "kube-state-metrics", fmt.Sprintf(`,deployment="knowledgebeast-%s"`, slot))
		p.sample("kube_deployment_spec_replicas", labels, float64(len(pods)), c.at)
		p.sample("kube_deployment_status_replicas_ready", labels, float64(ready(pods, c.at)), c.at)
		for n, pod := range pods {
			labels := p.labels(c.server, "kube-state-metrics", "kube-state-metrics", fmt.Sprintf(`,pod=%q,container="knowledgebeast"`, podName(slot, n)))
			p.sample("kube_pod_container_resource_limits", labels+`,resource="memory",unit="byte"`, memoryLimit, c.at)
			p.sample("kube_pod_container_status_restarts_total", labels, float64(restarts(pod, c.at)), c.at)
		}
	}
}

func ready(pods []Pod, at float64) int {
	n := 0
	for _, p := range pods {
		if p.Ready(at) {
			n++
		}
	}
	return n
}

func restarts(p Pod, at float64) int {
	n := 0
	for _, r := range p.Restarts {
		if r <= at {
			n++
		}
	}
	return n
}

// started is when the process that runs at a moment started.
func (p Pod) started(first, at float64) float64 {
	for _, r := range p.Restarts {
		if r <= at {
			first = max(first, r)
		}
	}
	return first
}
