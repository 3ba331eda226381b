package v1alpha1_test

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
)

// visitor is the key of a service account that nothing is granted to.
const visitor = "visitor"

var shared = lab.Shared{Options: lab.Options{
	NoIstiod: true,
	Users:    cast,
}}

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// server is the real API server with the generated CRDs, in a namespace of the test's own.
type server struct {
	*lab.TestLab
	*rest.RESTClient // speaks in the API's own types
}

func newServer(t *testing.T) server {
	t.Helper()
	s := server{TestLab: shared.ForTest(t)}
	files, err := filepath.Glob("../../../deploy/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the CRDs: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(t.Context(), string(text)); err != nil {
			t.Fatal(err)
		}
	}
	s.RESTClient = typed(t, s.RESTConfig(lab.Admin))
	return s
}

func typed(t *testing.T, config *rest.Config) *rest.RESTClient {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	gv := v1alpha1.GroupVersion()
	config.GroupVersion, config.APIPath = &gv, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
