package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/hold"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Somebody else writes right before each of greenwatch's writes of the weights. What is no route costs two
// conflicts, and then nothing more; what is a route is read before it is written over.
func TestOthersWriteRightBeforeTheWeights(t *testing.T) {
	s := open(t, stage.Options{Held: true})
	s.cutOver()
	const staff = `[{"op":"add","path":"/spec/http/0","value":{"name":"staff","match":[{"headers":{"x-staff":{"exact":"yes"}}}],
		"route":[{"destination":{"host":"%s.%s.svc.cluster.local","subset":"blue"}}]}}]`
	others := []func() error{
		func() error { return s.annotate(1) },
		func() error { return s.annotate(2) },
		func() error { return s.Service.SetWeights(t.Context(), "argocd-controller", 5, 45) },
		func() error { return s.meddle(types.JSONPatchType, fmt.Sprintf(staff, s.Name, s.Namespace)) },
		func() error { return s.annotate(3) },
	}
	before := s.generation()
	holds := s.holdEach(weightsPatch, len(others))
	s.fail("green", 0.5)
	for i, write := range others {
		s.reachedHold(holds[i])
		s.must(write())
		holds[i].Release()
	}
	s.awaitPhase(release.RolledBack)
	want := []int{http.StatusConflict, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusUnprocessableEntity, http.StatusOK}
	if got := s.answers(weightsPatch); !slices.Equal(got, want) {
		t.Errorf("the patches of the weights were answered %v, want %v", got, want)
	}
	vs := s.virtualService()
	if got := weights(vs, s.Service.Route); !maps.Equal(got, map[string]int64{"blue": 50, "green": 0}) {
		t.Errorf("the weights are %v: they do not rest on what was written in between", got)
	}
	if got := weights(vs, "staff"); len(got) != 1 || vs.GetAnnotations()["meddler/3"] == "" {
		t.Errorf("what others wrote is gone: route staff leads to %v, annotations %v", got, vs.GetAnnotations())
	}
	if n := s.generation() - before; n != 3 {
		t.Errorf("the spec was changed %d times, want twice by others and once by greenwatch", n)
	}
	s.oneMove()
}

// Others write annotations and status of the VirtualService without pause, and annotations of the release and its
// policy, at least once between each of greenwatch's reads and its write of the weights: as many times a second, that
// is, as a slow API server takes.
func TestAFloodOfForeignWritesHoldsUpNoRollback(t *testing.T) {
	s := open(t, stage.Options{Held: true})
	s.cutOver()
	f := s.flood(50 * time.Millisecond)
	const most = 8 // more than greenwatch tries at once
	for _, h := range s.holdEach(weightsPatch, most) {
		go f.releaseAfterAWrite(h)
	}
	go f.releaseAfterAWrite(s.API.HoldBefore(shiftIsSaved))
	s.fail("green", 0.5)
	r := s.awaitPhase(release.RolledBack)
	written := f.stop()
	if got, want := s.answers(weightsPatch), []int{http.StatusConflict, http.StatusConflict, http.StatusOK}; !slices.Equal(got, want) {
		t.Errorf("the patches of the weights were answered %v, want %v", got, want)
	}
	savedAgain := hold.All(hold.MethodIs(http.MethodPatch), hold.PathContains("/releases/"), hold.BodyContains(`"step":"`+string(release.Prove)+`"`))
	if first, again := s.answers(shiftIsSaved), s.answers(savedAgain); first[0] != http.StatusConflict || !slices.Contains(again, http.StatusOK) {
		t.Errorf("the save of the shift was answered %v, and %v when it was done again", first, again)
	}
	s.must(s.wantWeights(t.Context(), 100, 0))
	vs := s.virtualService()
	for n := max(1, written-meddlers+1); n <= written; n++ {
		if key := fmt.Sprintf("meddler/%d", n%meddlers); vs.GetAnnotations()[key] != fmt.Sprint(n) {
			t.Errorf("annotation %s is %q, want %d: a foreign write is lost", key, vs.GetAnnotations()[key], n)
		}
	}
	if written < 3 {
		t.Errorf("%d foreign writes are no flood", written)
	}
	moved := s.oneMove().At
	t.Logf("%d foreign writes; the weights were set %.1f s after the decision (which is noted in whole seconds)", written, moved.Sub(r.Status.Ladder.Decided.Time()).Seconds())
}

// meddlers is how many annotations a flood writes, one after the other.
const meddlers = 10

// annotate writes one of the annotations as somebody else.
func (s *scene) annotate(n int) error {
	return s.meddle(types.MergePatchType, fmt.Sprintf(`{"metadata":{"annotations":{"meddler/%d":"%d"}}}`, n%meddlers, n))
}

// meddle patches the VirtualService, or a subresource of it, as somebody else.
func (s *scene) meddle(kind types.PatchType, patch string, subresource ...string) error {
	_, err := s.objects.Resource(virtualServices).Namespace(s.Namespace).Patch(s.t.Context(), s.Name, kind, []byte(patch),
		metav1.PatchOptions{FieldManager: "meddler"}, subresource...)
	return err
}

// holdEach holds each of the next n requests that match before it is delivered.
func (s *scene) holdEach(match hold.Match, n int) []*hold.Hold {
	holds := make([]*hold.Hold, n)
	for i := range holds {
		holds[i] = s.API.HoldBefore(match)
	}
	return holds
}

func (s *scene) reachedHold(h *hold.Hold) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	s.must(h.Reached(ctx))
}

// answers are the statuses of the requests that match, in order.
func (s *scene) answers(match hold.Match) (out []int) {
	for _, e := range s.API.Log() {
		r, err := http.NewRequest(e.Method, "http://proxy"+e.Path, strings.NewReader(string(e.Body)))
		if err == nil && match(r) {
			out = append(out, e.Status)
		}
	}
	return out
}

// oneMove asserts that greenwatch set the weights once, and gives the write.
func (s *scene) oneMove() lab.Request {
	s.t.Helper()
	writes := s.writes("virtualservices")
	if len(writes) != 1 {
		s.t.Fatalf("greenwatch wrote the VirtualService %d times, want once", len(writes))
	}
	return writes[0]
}

// flood is somebody who writes to the VirtualService, the first release and the policy without pause.
type flood struct {
	s      *scene
	writes atomic.Int64
	failed error
	end    context.CancelFunc
	done   chan struct{}
}

func (s *scene) flood(every time.Duration) *flood {
	ctx, end := context.WithCancel(s.t.Context())
	f := &flood{s: s, end: end, done: make(chan struct{})}
	s.t.Cleanup(end)
	go func() {
		defer close(f.done)
		for n := 1; ctx.Err() == nil && f.failed == nil; n++ {
			status := fmt.Sprintf(`{"status":{"observedGeneration":%d}}`, n)
			note := fmt.Sprintf(`{"metadata":{"annotations":{"meddler":"%d"}}}`, n)
			f.failed = errors.Join(s.annotate(n), s.meddle(types.MergePatchType, status, "status"),
				s.patch(lab.Admin, releases, s.Name+"-1", note), s.patch(lab.Admin, watchPolicies, s.Name, note))
			f.writes.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return f
}

// releaseAfterAWrite lets a request that is held go on once somebody has written since it was sent.
func (f *flood) releaseAfterAWrite(h *hold.Hold) {
	if h.Reached(f.s.t.Context()) != nil {
		return
	}
	for n := f.writes.Load(); f.writes.Load() < n+2 && f.s.t.Context().Err() == nil; { // the first may have begun before
		time.Sleep(5 * time.Millisecond)
	}
	h.Release()
}

// stop ends the flood, and gives how often it wrote.
func (f *flood) stop() int {
	f.s.t.Helper()
	f.end()
	<-f.done
	f.s.must(f.failed)
	return int(f.writes.Load())
}
