package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const defaultRPS = 100

// LoadOptions describe a steady load on a service.
type LoadOptions struct {
	Service *Service
	RPS     float64           // default 100
	Headers map[string]string // of each call, such as x-pin
}

// Load is a client in the mesh that calls a service at a steady rate, routed by istiod, and
// remembers each call.
type Load struct {
	*Process
	lab        *Lab
	host, http string
	prometheus *Prometheus
}

// Call is one request as its caller saw it.
type Call struct {
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Slot    string    `json:"slot"` // empty: it reached none
	Version string    `json:"version"`
	Error   string    `json:"error"` // empty: it was answered
}

// Counts are all calls since the load's start. BySlot counts those that reached a slot.
type Counts struct {
	Total  int            `json:"total"`
	Errors int            `json:"errors"`
	BySlot map[string]int `json:"bySlot"`
}

// StartLoad starts a load and returns once it has reached a slot: one must serve already.
func (l *Lab) StartLoad(ctx context.Context, o LoadOptions) (*Load, error) {
	if l.xds == "" {
		return nil, errors.New("start a load: the lab has no istiod")
	}
	host, err := l.block.lease()
	if err != nil {
		return nil, fmt.Errorf("start a load: %w", err)
	}
	load := &Load{lab: l, host: host, prometheus: o.Service.Prometheus}
	if load.http, err = freePort(host, 9102); err != nil {
		return nil, fmt.Errorf("start a load: %w", err)
	}
	if err := load.join(ctx, o); err != nil {
		return nil, errors.Join(err, load.Close())
	}
	return load, nil
}

func (load *Load) join(ctx context.Context, o LoadOptions) error {
	l, namespace := load.lab, o.Service.Namespace
	name := fmt.Sprintf("load-%s-%s-%s", namespace, o.Service.Name, load.host)
	bootstrap := filepath.Join(l.dir, name+".json")
	text, err := xdsBootstrap(l.xds, load.host, namespace)
	if err != nil {
		return err
	}
	if err := os.WriteFile(bootstrap, text, 0o644); err != nil {
		return fmt.Errorf("start a load: %w", err)
	}
	load.Process = newProcess(l.spawn, command{
		name: name, path: l.programs.Path("traffic-load"), args: load.flags(o), dir: l.partDir("loads"),
		env: []string{"GRPC_XDS_BOOTSTRAP=" + bootstrap}, log: filepath.Join(l.dir, name+".log"),
		up: answers(http.DefaultClient, load.url("/healthz")),
	})
	if err := l.keep(name, load.Process); err != nil {
		return err
	}
	if err := load.Start(ctx); err != nil {
		return err
	}
	if load.prometheus == nil {
		return nil
	}
	return load.prometheus.SetTarget(Target{Address: load.http, Labels: map[string]string{"job": "load", "namespace": namespace}})
}

func (load *Load) flags(o LoadOptions) []string {
	if o.RPS == 0 {
		o.RPS = defaultRPS
	}
	flags := []string{
		"--target", fmt.Sprintf("xds:///%s.%s.svc.cluster.local:%d", o.Service.Name, o.Service.Namespace, o.Service.Port),
		"--rps", strconv.FormatFloat(o.RPS, 'g', -1, 64), "--http", load.http,
	}
	for key, value := range o.Headers {
		flags = append(flags, "--header", key+"="+value)
	}
	return flags
}

// xdsBootstrap is what a gRPC client reads to become a member of the mesh.
func xdsBootstrap(istiod, host, namespace string) ([]byte, error) {
	type object = map[string]any
	return json.Marshal(object{
		"xds_servers": []object{{
			"server_uri": istiod, "channel_creds": []object{{"type": "insecure"}}, "server_features": []string{"xds_v3"},
		}},
		"node": object{
			"id":       fmt.Sprintf("sidecar~%s~client.%s~%s.svc.cluster.local", host, namespace, namespace),
			"metadata": object{"GENERATOR": "grpc", "NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes"},
		},
	})
}

func (load *Load) url(path string) string { return "http://" + load.http + path }

// Counts are the calls so far.
func (load *Load) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	if err := call(ctx, http.MethodGet, load.url("/counts"), nil, &c); err != nil {
		return Counts{}, fmt.Errorf("count the load's calls: %w", err)
	}
	return c, nil
}

// Calls are the calls that ended at since or later, among the latest 200,000.
func (load *Load) Calls(ctx context.Context, since time.Time) ([]Call, error) {
	var calls []Call
	query := url.Values{"since": {since.Format(time.RFC3339Nano)}}
	if err := call(ctx, http.MethodGet, load.url("/log?"+query.Encode()), nil, &calls); err != nil {
		return nil, fmt.Errorf("list the load's calls: %w", err)
	}
	return calls, nil
}

// Close ends the load.
func (load *Load) Close() error {
	var errs []error
	if load.Process != nil {
		errs = append(errs, load.Kill())
		load.lab.drop(load.name)
	}
	if load.prometheus != nil {
		errs = append(errs, load.prometheus.RemoveTarget(load.http))
	}
	load.lab.block.giveBack(load.host)
	return errors.Join(errs...)
}
