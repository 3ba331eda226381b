package standin

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"
)

const maxEvent = 512 << 10

// Status is the state of an Incident.
type Status string

// The states of an Incident.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Incident is what an on-call engineer is called about: all events of one key from the trigger
// that opened it to its resolve.
type Incident struct {
	RoutingKey string
	DedupKey   string
	Status     Status
	Opened     time.Time
	// Changed is when Status last became what it is.
	Changed time.Time
	// Events are those that were applied, in order: triggers merged into it and the
	// acknowledge and resolve.
	Events []Event
}

// Triggers counts the incident's trigger events; all but the first were merged into it.
func (i Incident) Triggers() int {
	n := 0
	for _, e := range i.Events {
		if e.Action == "trigger" {
			n++
		}
	}
	return n
}

// PagerDuty stands in for the Events API v2: POST /v2/enqueue.
type PagerDuty struct {
	gate
	keys []string

	incidentMu sync.Mutex
	incidents  []*Incident
}

// NewPagerDuty makes a stand-in with one integration per routing key.
func NewPagerDuty(routingKeys ...string) *PagerDuty {
	return &PagerDuty{keys: slices.Clone(routingKeys)}
}

// Start serves it on a loopback address, as in 127.0.0.1:0.
func (p *PagerDuty) Start(addr string) (*Server, error) { return start(addr, p) }

// Incidents returns all incidents in the order of their opening. A key that was triggered
// again after its resolve has one more.
func (p *PagerDuty) Incidents() []Incident {
	p.incidentMu.Lock()
	defer p.incidentMu.Unlock()
	all := make([]Incident, len(p.incidents))
	for i, incident := range p.incidents {
		all[i] = *incident
		all[i].Events = slices.Clone(incident.Events)
	}
	return all
}

// IncidentsOf returns the incidents of one dedup key, in the order of their opening.
func (p *PagerDuty) IncidentsOf(dedupKey string) []Incident {
	return slices.DeleteFunc(p.Incidents(), func(i Incident) bool { return i.DedupKey != dedupKey })
}

// ServeHTTP answers one event.
func (p *PagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.pass(w, r, failEvent, p.enqueue)
}

func (p *PagerDuty) enqueue(w http.ResponseWriter, r *http.Request, body []byte) {
	switch {
	case r.URL.Path != "/v2/enqueue":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case len(body) > maxEvent:
		answerEvent(w, http.StatusRequestEntityTooLarge, eventAnswer{Status: "invalid event", Message: "Event exceeds 512 KB"})
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		refuseEvent(w, "Content-Type must be application/json")
		return
	}
	e, problems := p.parseEvent(body)
	if len(problems) > 0 {
		refuseEvent(w, problems...)
		return
	}
	answerEvent(w, http.StatusAccepted, eventAnswer{Status: "success", Message: "Event processed", DedupKey: p.apply(e)})
}

// apply does what the event says and returns its dedup key, a new one if it has none.
// Acknowledge and resolve are dropped when nothing is open for the key.
func (p *PagerDuty) apply(e Event) string {
	if e.DedupKey == "" {
		e.DedupKey = newDedupKey()
	}
	p.incidentMu.Lock()
	defer p.incidentMu.Unlock()
	open := p.open(e.RoutingKey, e.DedupKey)
	if open == nil {
		if e.Action != "trigger" {
			return e.DedupKey
		}
		open = &Incident{RoutingKey: e.RoutingKey, DedupKey: e.DedupKey, Status: Triggered, Opened: e.At, Changed: e.At}
		p.incidents = append(p.incidents, open)
	}
	open.Events = append(open.Events, e)
	if status := becomes(open.Status, e.Action); status != open.Status {
		open.Status, open.Changed = status, e.At
	}
	return e.DedupKey
}

// becomes is the state of an open incident after an action: a trigger does not take an
// acknowledgement back.
func becomes(status Status, action string) Status {
	switch action {
	case "acknowledge":
		return Acknowledged
	case "resolve":
		return Resolved
	default:
		return status
	}
}

func (p *PagerDuty) open(routingKey, dedupKey string) *Incident {
	for _, i := range p.incidents {
		if i.RoutingKey == routingKey && i.DedupKey == dedupKey && i.Status != Resolved {
			return i
		}
	}
	return nil
}

func newDedupKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

// eventAnswer is the body of every answer.
type eventAnswer struct {
	Status   string   `json:"status"`
	Message  string   `json:"message"`
	DedupKey string   `json:"dedup_key,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func refuseEvent(w http.ResponseWriter, problems ...string) {
	answerEvent(w, http.StatusBadRequest, eventAnswer{Status: "invalid event", Message: "Event object is invalid", Errors: problems})
}

func failEvent(w http.ResponseWriter, status int) {
	a := eventAnswer{Status: "error", Message: http.StatusText(status)}
	if status == http.StatusTooManyRequests {
		a = eventAnswer{Status: "throttle exceeded", Message: "Requests for this service are arriving too quickly. Please retry later."}
	}
	answerEvent(w, status, a)
}

func answerEvent(w http.ResponseWriter, status int, a eventAnswer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only error is a sender that went away.
	_ = json.NewEncoder(w).Encode(a)
}
