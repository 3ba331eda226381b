package main

import (
	"context"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/cli"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
)

// say patches a person's word into a release's spec.people, under the name that the API server knows
// the person by.
func say(ctx context.Context, w cli.Word) (string, error) {
	p, err := as(w.Cluster)
	if err != nil {
		return "", err
	}
	by, err := p.signer(ctx, w.By)
	if err != nil {
		return "", err
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"people": people(w, by, time.Now())}})
	if err != nil {
		return "", err
	}
	_, err = p.objects.Resource(v1alpha1.Releases()).Namespace(p.namespace).Patch(ctx, w.Release, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: "kubectl-greenwatch"})
	return by, p.refused(err)
}

// people is the change of spec.people that a word makes. A null takes a field away: a word said without a
// reason has none, whatever was there before. The time tells a decision from the same one said before.
func people(w cli.Word, by string, now time.Time) map[string]any {
	switch {
	case w.Resume:
		return map[string]any{"hold": nil}
	case w.Decision != "":
		return map[string]any{"decision": map[string]any{"choice": w.Decision, "by": by, "reason": reason(w), "at": gwsignal.At(now)}}
	}
	return map[string]any{"hold": map[string]any{"by": by, "reason": reason(w), "until": gwsignal.At(now.Add(w.Hold))}}
}

func reason(w cli.Word) any {
	if w.Reason == "" {
		return nil
	}
	return w.Reason
}
