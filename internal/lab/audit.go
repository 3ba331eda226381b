package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const auditLog = "audit.log"

// Request is one request to the API server, as its audit log has it.
type Request struct {
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	At        time.Time `json:"stageTimestamp"` // when it was answered
	Verb      string    `json:"verb"`           // get, list, watch, create, update, patch, delete, deletecollection
	UserAgent string    `json:"userAgent"`
	URI       string    `json:"requestURI"`
	Object    struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Body   json.RawMessage `json:"requestObject"`
	Status struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// Writes tells whether the request asked for a change.
func (r Request) Writes() bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// Audit lists the requests of all users but Admin, oldest first. A watch is listed when it ends.
func (l *Lab) Audit() ([]Request, error) {
	text, err := os.ReadFile(filepath.Join(l.partDir("kube-apiserver"), auditLog))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	var requests []Request
	lines := bufio.NewReader(bytes.NewReader(text))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return requests, nil // a last line without its end is still being written
		}
		var r Request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		requests = append(requests, r)
	}
}
