package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const quickPolicy = `
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: shop, namespace: production}
spec:
  traffic: {virtualService: shop}
  slots:
  - {name: blue, deployment: shop-blue, destination: {host: shop, subset: blue}}
  - {name: green, deployment: shop-green, destination: {host: shop, subset: green}}
  schedule: {guardEvery: 1s}
  signals:
  - name: error-rate
    required: true
    ratio: {metric: http_requests_total, match: 'slot="${slot}"', part: 'status=~"5.."'}
    rollback: {above: "5%", for: 5m}
`

// The floors are in the daemon's file: a command that is given it goes by them as the daemon does, and takes a policy
// at its word without it.
func TestFloorsAreTheDaemonsToSay(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shop := write("shop.yaml", quickPolicy)
	for file, want := range map[string]time.Duration{
		"": time.Second,
		write("plain.yaml", "prometheus: [{name: main, url: \"http://127.0.0.1:1\"}]\n"):                           5 * time.Second,
		write("lower.yaml", "prometheus: [{name: main, url: \"http://127.0.0.1:1\"}]\nfloors: {guardEvery: 2s}\n"): 2 * time.Second,
	} {
		cfg, err := fileFor(cli.CheckOptions{Config: file})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := planOf(shop, cfg.Defaults)
		if err != nil {
			t.Fatal(err)
		}
		if plan.GuardEvery != signal.Duration(want) {
			t.Errorf("with the file %q the guard looks every %s, want %s", file, plan.GuardEvery, want)
		}
	}
}
