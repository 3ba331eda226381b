package istio

import "time"

// Writer is a field manager and what it did last.
type Writer struct {
	Manager   string
	Operation string // Apply or Update
	Time      time.Time
}

// lastWriter is the manager that wrote the HTTP routes last, as well as can be told: the API server
// owns spec.http as one field, since the lists of a VirtualService are atomic, and therefore does
// not tell a change of weights from another change of the routes. Times are in whole seconds; of
// two in the same second the later in the list counts, which the API server keeps in order of time.
// Entries that cannot be understood are passed over: this is for telling people, never for deciding.
func lastWriter(managedFields any) Writer {
	entries, _ := managedFields.([]any)
	var last Writer
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if writer := writerOf(entry); ownsHTTP(entry) && writer.Manager != "" && !writer.Time.Before(last.Time) {
			last = writer
		}
	}
	return last
}

func ownsHTTP(entry map[string]any) bool {
	fields, _ := entry["fieldsV1"].(map[string]any)
	spec, _ := fields["f:spec"].(map[string]any)
	_, owns := spec["f:http"]
	return owns
}

func writerOf(entry map[string]any) Writer {
	manager, _ := entry["manager"].(string)
	operation, _ := entry["operation"].(string)
	stamp, _ := entry["time"].(string)
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		at = time.Time{} // unknown: older than any known
	}
	return Writer{Manager: manager, Operation: operation, Time: at}
}
