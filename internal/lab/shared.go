package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	buildWithin   = time.Hour
	cleanupWithin = 10 * time.Second
	namespaceStem = 40 // characters of a test's name in its namespace's
)

// Shared is one lab for all tests of a test binary, started by the first that wants it.
type Shared struct {
	Options Options

	once  sync.Once
	lab   *Lab
	err   error
	mu    sync.Mutex
	tests int
}

// Main runs the tests, ends the lab and returns the exit code. If a test failed, the lab's
// folder is left for inspection.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	if s.lab == nil {
		return code
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the lab's logs are in", s.lab.Dir(), "until another lab takes its addresses")
	}
	if err := s.lab.end(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, "close the lab:", err)
		return max(code, 1)
	}
	return code
}

// TestLab is a shared lab as one test sees it.
type TestLab struct {
	*Lab
	Namespace string // the test's own
}

// ForTest is the shared lab with a namespace of the test's own, which is deleted when the test
// ends. The test fails at once if there is no lab.
func (s *Shared) ForTest(t testing.TB) *TestLab {
	t.Helper()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
		defer cancel()
		s.lab, s.err = Start(ctx, s.Options)
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	own := &TestLab{Lab: s.lab, Namespace: s.namespace(t.Name())}
	if err := own.addNamespace(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.removeNamespace(); err != nil {
			t.Error(err)
		}
	})
	return own
}

// namespace makes a name that is legal, tells whose it is, and was never used before.
func (s *Shared) namespace(test string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tests++
	legal := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(test))
	return fmt.Sprintf("%s-%d", strings.Trim(legal[:min(len(legal), namespaceStem)], "-"), s.tests)
}

func (l *TestLab) addNamespace(ctx context.Context) error {
	client, _, err := l.Clients(Admin)
	if err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.Namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", l.Namespace, err)
	}
	return nil
}

func (l *TestLab) removeNamespace() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupWithin)
	defer cancel()
	client, _, err := l.Clients(Admin)
	if err != nil {
		return err
	}
	if err := client.CoreV1().Namespaces().Delete(ctx, l.Namespace, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete namespace %s: %w", l.Namespace, err)
	}
	return nil
}
