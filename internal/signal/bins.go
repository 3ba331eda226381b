package signal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Bins are the consecutive bins of a signal, the oldest first. In JSON they are one line that people can
// read and that reads back as the same bins, to the last bit:
//
//	2026-11-24T09:00:00Z every 1m: 3/1000 0/998 Gap 0.5@1000
//
// That is when the first bin ended, how far the others lie apart, and a word for each bin: part/total,
// whose quotient is the value; value@total; the value alone; value@part/total; or the cause that nothing is
// known. Where a bin lies otherwise, a new time begins. What lies over bounds follows a bar, the bounds stand
// once, before the colon:
//
//	2026-11-24T09:00:00Z every 1m over 0.1,0.2: 0.183@1000|220,3..7
//
// A list of Bin, as JSON has it without this, is read, too.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32768
type Bins []Bin

// mostStep is the longest time between bins that is written as a step: longer ones begin anew.
const mostStep = 7 * 24 * 3600

// String gives the line.
func (b Bins) String() string {
	var w strings.Builder
	for len(b) > 0 {
		s := segmentOf(b)
		if w.Len() > 0 {
			w.WriteByte(' ')
		}
		s.write(&w)
		b = b[len(s.bins):]
	}
	return w.String()
}

// MarshalJSON writes the line as a string.
func (b Bins) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }

// UnmarshalJSON reads a line, or a list of bins.
func (b *Bins) UnmarshalJSON(raw []byte) error {
	if text := bytes.TrimSpace(raw); len(text) > 0 && text[0] != '"' {
		var list []Bin
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("bins: want a line, or a list of bins: %w", err)
		}
		*b = list
		return nil
	}
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return fmt.Errorf("bins: want a line, or a list of bins: %w", err)
	}
	read, err := ParseBins(line)
	if err != nil {
		return err
	}
	*b = read
	return nil
}

// segment is a run of bins that lie equally far apart and count over the same bounds.
type segment struct {
	step   Instant
	bounds []Number
	bins   Bins
}

// segmentOf gives the longest segment that b begins with.
func segmentOf(b Bins) segment {
	s := segment{bins: b[:1], bounds: boundsOf(b[0])}
	if len(b) > 1 {
		s.step = b[1].End - b[0].End
	}
	if s.step <= 0 || s.step > mostStep {
		return s
	}
	n := 1
	for n < len(b) && b[n].End-b[n-1].End == s.step && s.covers(b[n]) {
		n++
	}
	s.bins = b[:n]
	return s
}

func boundsOf(b Bin) []Number {
	var out []Number
	for _, o := range b.Over {
		out = append(out, o.Bound)
	}
	return out
}

// covers tells whether a bin counts over the segment's bounds, or over none. The first that counts over
// some gives the segment its bounds.
func (s *segment) covers(b Bin) bool {
	if len(b.Over) == 0 {
		return true
	}
	if s.bounds == nil {
		s.bounds = boundsOf(b)
	}
	if len(b.Over) != len(s.bounds) {
		return false
	}
	for i, o := range b.Over {
		if !same(o.Bound, s.bounds[i]) {
			return false
		}
	}
	return true
}

func (s segment) write(w *strings.Builder) {
	w.WriteString(s.bins[0].End.Time().Format(time.RFC3339))
	if len(s.bins) > 1 {
		w.WriteString(" every " + Duration(time.Duration(s.step)*time.Second).String())
	}
	if len(s.bounds) > 0 {
		w.WriteString(" over " + list(s.bounds))
	}
	w.WriteByte(':')
	for _, b := range s.bins {
		w.WriteString(" " + b.word())
	}
}

func list(ns []Number) string {
	words := make([]string, len(ns))
	for i, n := range ns {
		words[i] = n.short()
	}
	return strings.Join(words, ",")
}
