package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// scene is a store on a namespace of its own.
type scene struct {
	*testing.T
	lab     *lab.TestLab
	objects dynamic.Interface
	store   *Store
	// before is called before each write; nil: the lease is held.
	before func() error
}

func setup(t *testing.T) *scene {
	t.Helper()
	l := cluster.ForTest(t)
	files, err := filepath.Glob("../../deploy/crds/*.yaml")
	must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		must(t, l.Apply(t.Context(), string(text)))
	}
	_, objects, err := l.Clients(lab.Admin)
	must(t, err)
	s := &scene{T: t, lab: l, objects: objects}
	s.store = New(Config{Objects: objects, Held: func() error {
		if s.before == nil {
			return nil
		}
		return s.before()
	}})
	return s
}

var errLeaseLost = errors.New("the lease was lost")

// dieAt lets the nth write from now, and all after it, not happen.
func (s *scene) dieAt(n int) {
	s.at(n, func() error {
		s.before = func() error { return errLeaseLost }
		return errLeaseLost
	})
}

// at does something right before the nth write from now.
func (s *scene) at(n int, what func() error) {
	s.before = func() error {
		if n--; n == 0 {
			return what()
		}
		return nil
	}
}

func spec(number int64) release.Spec {
	return release.Spec{
		Policy: "echo", Number: number, FirstSeen: t0 + 1000,
		Candidate: release.Side{Slot: "green", Revision: "bbb", Version: "v2", Replicas: 3},
		Stable:    release.Side{Slot: "blue", Revision: "aaa", Version: "v1", Replicas: 3},
	}
}

func (s *scene) create(number int64) *v1alpha1.Release {
	s.Helper()
	r, err := s.store.Create(s.Context(), s.lab.Namespace, spec(number))
	must(s.T, err)
	return r
}

func (s *scene) save(r *v1alpha1.Release, next release.State) *v1alpha1.Release {
	s.Helper()
	saved, err := s.store.Save(s.Context(), r, next)
	must(s.T, err)
	return saved
}

func (s *scene) load(name string) *v1alpha1.Release {
	s.Helper()
	r, err := s.store.Load(s.Context(), s.lab.Namespace, name)
	must(s.T, err)
	return r
}

// raw is the release as the API server has it.
func (s *scene) raw(name string) *unstructured.Unstructured {
	s.Helper()
	u, err := s.store.releases(s.lab.Namespace).Get(s.Context(), name, metav1.GetOptions{})
	must(s.T, err)
	return u
}

// say lets a person speak into the release.
func (s *scene) say(name, people string) error {
	_, err := s.store.releases(s.lab.Namespace).Patch(s.Context(), name, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"people":%s}}`, people), metav1.PatchOptions{FieldManager: "kubectl"})
	return err
}

const hold = `{"hold":{"by":"alice","until":"2026-01-01T10:00:00Z"}}`

func (s *scene) eventually(try func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	must(s.T, lab.Until(ctx, try))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// t0 is a moment that the API server takes: it refuses what is before the year 2000.
const t0 = signal.Instant(1_780_000_000)
