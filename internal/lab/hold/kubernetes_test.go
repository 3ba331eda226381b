package hold_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/knowledgebeast/greenwatch/internal/lab/hold"
)

// startAPI is an API server over TLS that wants a bearer token and streams one watch event.
func startAPI(t *testing.T) (u *url.URL, transport http.RoundTripper) {
	t.Helper()
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer daemon" {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		const object = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"shop","namespace":"n"}}`
		if r.URL.Query().Get("watch") == "" {
			_, _ = fmt.Fprint(w, object)
			return
		}
		_, _ = fmt.Fprintf(w, `{"type":"ADDED","object":%s}`+"\n", object)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(api.Close)
	u, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, api.Client().Transport
}

func virtualServices(t *testing.T, config *rest.Config) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client.Resource(schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}).Namespace("n")
}

func TestClientGoOverPlainHTTP(t *testing.T) {
	p := hold.New(startAPI(t))
	if err := p.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	vs := virtualServices(t, &rest.Config{Host: p.URL(), BearerToken: "daemon"})
	if _, err := vs.Get(t.Context(), "shop", metav1.GetOptions{}); err != nil {
		t.Errorf("get: %v", err)
	}
	watch, err := vs.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if event := <-watch.ResultChan(); event.Type != "ADDED" {
		t.Errorf("event %+v, want the first one while the watch is open", event)
	}
}

func TestKubeconfigOverTLS(t *testing.T) {
	p := hold.New(startAPI(t))
	authority, err := p.StartTLS("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	get := func(kubeconfig string) error {
		t.Helper()
		config, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
		if err != nil {
			t.Fatal(err)
		}
		_, err = virtualServices(t, config).Get(t.Context(), "shop", metav1.GetOptions{})
		return err
	}
	kubeconfig := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: lab,
clusters: [{name: lab, cluster: {server: %q, certificate-authority-data: %q}}],
users: [{name: lab, user: {token: daemon}}],
contexts: [{name: lab, context: {cluster: lab, user: lab}}]}`, p.URL(), base64.StdEncoding.EncodeToString(authority))
	if err := get(kubeconfig); err != nil {
		t.Errorf("get: %v", err)
	}
	if err := p.Down(); err != nil {
		t.Fatal(err)
	}
	if err := get(kubeconfig); err == nil {
		t.Error("get while down succeeded")
	}
	if err := p.Up(); err != nil {
		t.Fatal(err)
	}
	if err := get(kubeconfig); err != nil {
		t.Errorf("get after up: %v", err)
	}
	// Why StartTLS is needed at all.
	plain := hold.New(startAPI(t))
	if err := plain.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := get(strings.Replace(kubeconfig, p.URL(), plain.URL(), 1)); !apierrors.IsUnauthorized(err) {
		t.Errorf("%v: client-go sent a kubeconfig's token over plain HTTP, and the package comment is out of date", err)
	}
}
