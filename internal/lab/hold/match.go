package hold

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Match chooses requests. It may read the body, which is afresh for each Match, and must not
// call the Proxy.
type Match func(*http.Request) bool

// All chooses what all of the matches choose.
func All(matches ...Match) Match {
	return func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return false
		}
		for _, match := range matches {
			r.Body = io.NopCloser(bytes.NewReader(body))
			if !match(r) {
				return false
			}
		}
		return true
	}
}

// Any chooses every request.
func Any(*http.Request) bool { return true }

// MethodIs chooses by the method, as in PATCH.
func MethodIs(method string) Match {
	return func(r *http.Request) bool { return r.Method == method }
}

// PathContains chooses by a part of the path or query.
func PathContains(part string) Match {
	return func(r *http.Request) bool { return strings.Contains(r.URL.RequestURI(), part) }
}

// BodyContains chooses by a part of the body.
func BodyContains(part string) Match {
	return func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		return err == nil && bytes.Contains(body, []byte(part))
	}
}
