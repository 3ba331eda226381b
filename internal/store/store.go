package store

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
)

// FieldManager is the name under which greenwatch writes.
const FieldManager = "greenwatch"

// The labels of a release.
const (
	LabelActive = "greenwatch.dev/active" // "true" while there is something to watch, do or tell; else absent
	LabelPolicy = "greenwatch.dev/policy"
	LabelSlot   = "greenwatch.dev/slot" // the candidate's
)

// MaxStatus is how many bytes of JSON a release's status may have.
const MaxStatus = 32 << 10

// Config is what a Store needs.
type Config struct {
	Objects dynamic.Interface
	// Held tells whether the lease is held and was renewed in time; an error says why not. It is
	// asked before each write. Nil makes a store that only reads.
	Held func() error
}

// Store loads and saves. Its methods ask the API server each time; see [Cache] for what they need
// not ask.
type Store struct {
	objects dynamic.Interface
	held    func() error
}

// New makes a Store.
func New(c Config) *Store { return &Store{objects: c.Objects, held: c.Held} }

// IsConflict tells whether a save failed since the object has changed: load it and decide again.
func IsConflict(err error) bool { return apierrors.IsConflict(err) }

// IsRefused tells whether a write failed for good: the API server finds something wrong with what is written or
// forbids it, or it is too large. The world has to change before it can succeed.
func IsRefused(err error) bool {
	var large *TooLargeError
	return errors.As(err, &large) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsMethodNotSupported(err)
}

// ErrTaken is what Create gives when there is another release of that name.
var ErrTaken = errors.New("there is another one of that name")

// IsMissing tells whether a load failed since there is no such object. That the API server does not
// know the kind at all is something else.
func IsMissing(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// TooLargeError says that a release's status would be larger than a release's status may be.
type TooLargeError struct {
	Size int // in bytes of JSON
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the status has %d bytes, at most %d may be saved", e.Size, MaxStatus)
}

var errReadOnly = errors.New("this store only reads")

// leased asks for the lease, right before a write.
func (s *Store) leased() error {
	if s.held == nil {
		return errReadOnly
	}
	if err := s.held(); err != nil {
		return fmt.Errorf("not written without the lease: %w", err)
	}
	return nil
}

func (s *Store) releases(namespace string) dynamic.ResourceInterface {
	return s.objects.Resource(v1alpha1.Releases()).Namespace(namespace)
}

func (s *Store) policies(namespace string) dynamic.ResourceInterface {
	return s.objects.Resource(v1alpha1.WatchPolicies()).Namespace(namespace)
}
