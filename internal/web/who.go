package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Who tells what the bearer of a token may see, or gives ErrNobody where the token is nobody's.
type Who func(ctx context.Context, token string) (Sees, error)

// Sees tells whether somebody may see the releases of a namespace; of all namespaces, for "".
type Sees func(ctx context.Context, namespace string) (bool, error)

// ErrNobody is that a token is nobody's.
var ErrNobody = errors.New("the token is nobody's")

// mostAsked is how many namespaces one request of the list asks about.
const mostAsked = 50

// caller gives what the caller may see, nil for everything; ok is false if the answer was given.
func (h *handler) caller(w http.ResponseWriter, r *http.Request) (sees Sees, ok bool) {
	if h.who == nil {
		return nil, true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	err := ErrNobody
	if strings.EqualFold(scheme, "Bearer") && token != "" {
		sees, err = h.who(r.Context(), token)
	}
	switch {
	case errors.Is(err, ErrNobody):
		w.Header().Set("WWW-Authenticate", `Bearer realm="greenwatch"`)
		http.Error(w, "say who you are: a Kubernetes token as Authorization: Bearer, such as kubectl create token gives", http.StatusUnauthorized)
		return nil, false
	case err != nil:
		http.Error(w, fmt.Sprintf("ask Kubernetes who you are: %v", err), http.StatusServiceUnavailable)
		return nil, false
	}
	return sees, true
}

// may tells whether the caller may see a namespace; if not, the answer was given, whatever there is.
func (h *handler) may(w http.ResponseWriter, r *http.Request, sees Sees, namespace string) bool {
	if sees == nil {
		return true
	}
	ok, err := sees(r.Context(), namespace)
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("ask Kubernetes what you may see: %v", err), http.StatusServiceUnavailable)
	case !ok:
		http.Error(w, fmt.Sprintf("you may not get releases.greenwatch.dev in namespace %q", namespace), http.StatusForbidden)
	}
	return ok && err == nil
}

// seen gives what of the list the caller may see; ok is false if the answer was given. Whoever may not see
// all namespaces is asked for one by one, up to a limit: the page says where it ends.
func (h *handler) seen(w http.ResponseWriter, r *http.Request, sees Sees) (v view, ok bool) {
	if sees == nil {
		return view{all: true}, true
	}
	all, err := sees(r.Context(), "")
	if err == nil && all {
		return view{all: true}, true
	}
	namespaces := h.list.namespaces()
	if n := len(namespaces); n > mostAsked {
		namespaces, v.unasked = namespaces[:mostAsked], n-mostAsked
	}
	for _, n := range namespaces {
		is := false
		if err == nil {
			is, err = sees(r.Context(), n)
		}
		if is {
			v.namespaces = append(v.namespaces, n)
		}
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("ask Kubernetes what you may see: %v", err), http.StatusServiceUnavailable)
		return view{}, false
	}
	return v, true
}
