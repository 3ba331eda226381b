package signal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseBins reads the line that Bins writes.
func ParseBins(line string) (Bins, error) {
	var out Bins
	for words := strings.Fields(line); len(words) > 0; {
		h, rest, err := parseHead(words)
		if err != nil {
			return nil, fmt.Errorf("bins %s: %w", brief(line), err)
		}
		words = rest
		for n := Instant(0); len(words) > 0 && !isTime(words[0]); n++ {
			b, err := h.bin(words[0])
			if err != nil {
				return nil, fmt.Errorf("bins %s: bin %d: %w", brief(line), len(out)+1, err)
			}
			b.End = h.end + n*h.step
			out, words = append(out, b), words[1:]
		}
	}
	return out, nil
}

// head is what stands before the words of a segment's bins.
type head struct {
	end, step Instant
	bounds    []Number
}

// parseHead reads "TIME [every STEP] [over BOUND,…]:".
func parseHead(words []string) (h head, rest []string, err error) {
	n := 0
	for n < len(words) && !strings.HasSuffix(words[n], ":") {
		n++
	}
	if n == len(words) || n > 4 || n%2 != 0 {
		return h, nil, fmt.Errorf("begins with %q: want a head such as 2006-01-02T15:04:05Z every 1m: before the bins", words[0])
	}
	rest = words[n+1:]
	t, err := time.Parse(time.RFC3339, strings.TrimSuffix(words[0], ":"))
	if err != nil {
		return h, nil, fmt.Errorf("time %q: want RFC 3339, such as 2006-01-02T15:04:05Z", words[0])
	}
	h.end = At(t)
	for i := 1; i < n; i += 2 {
		if err := h.say(words[i], strings.TrimSuffix(words[i+1], ":")); err != nil {
			return h, nil, err
		}
	}
	return h, rest, nil
}

// say takes in one pair of words of a head.
func (h *head) say(word, value string) (err error) {
	switch word {
	case "every":
		step, err := time.ParseDuration(value)
		h.step = Instant(step / time.Second)
		if err != nil || h.step <= 0 || h.step > mostStep {
			return fmt.Errorf("every %q: want a time from 1s to 168h", value)
		}
		return nil
	case "over":
		h.bounds, err = parseNumbers(value)
		return err
	}
	return fmt.Errorf("%q in the head: want every or over", word)
}

// bin reads the word of one bin.
func (h head) bin(word string) (b Bin, err error) {
	cause, numbers, err := cutCause(word)
	if err != nil {
		return b, err
	}
	numbers, over, counted := strings.Cut(numbers, "|")
	if b, err = parseCounts(numbers); err != nil {
		return b, err
	}
	b.Cause = cause
	if counted {
		b.Over, err = h.over(over)
	}
	return b, err
}

// cutCause reads the cause that a word begins with, and leaves its numbers.
func cutCause(word string) (Cause, string, error) {
	name, rest := "", word
	if quoted, err := strconv.QuotedPrefix(word); err == nil && quoted[0] == '"' {
		if name, err = strconv.Unquote(quoted); err != nil {
			return "", "", fmt.Errorf("cause %s: %w", quoted, err)
		}
		rest = word[len(quoted):]
	} else if begin, _, _ := strings.Cut(word, ":"); plain(begin) {
		name, rest = begin, word[len(begin):]
	}
	switch {
	case name == "":
		return Known, word, nil
	case rest == "":
		return Cause(name), "0", nil
	case rest[0] == ':':
		return Cause(name), rest[1:], nil
	}
	return "", "", fmt.Errorf("word %s: want a colon after the cause", word)
}

// parseCounts reads V, P/T, V@T or V@P/T.
func parseCounts(text string) (b Bin, err error) {
	value, counts, valued := strings.Cut(text, "@")
	if !valued {
		counts = text
	}
	part, total, shared := strings.Cut(counts, "/")
	for _, n := range []struct {
		is   bool
		text string
		into *Number
	}{{valued || !shared, value, &b.Value}, {shared, part, &b.Part}, {shared, total, &b.Total}, {valued && !shared, counts, &b.Total}} {
		if !n.is {
			continue
		}
		if *n.into, err = parseNumber(n.text); err != nil {
			return b, err
		}
	}
	if shared && !valued {
		b.Value = b.Part / b.Total
	}
	return b, nil
}

// over reads what was counted over the head's bounds.
func (h head) over(text string) ([]Over, error) {
	words := strings.Split(text, ",")
	if len(words) != len(h.bounds) {
		return nil, fmt.Errorf("%d counts over %d bounds: want one each", len(words), len(h.bounds))
	}
	out := make([]Over, len(words))
	for i, w := range words {
		least, most, ranged := strings.Cut(w, "..")
		if !ranged {
			most = least
		}
		ns, err := parseNumbers(least + "," + most)
		if err != nil {
			return nil, err
		}
		out[i] = Over{Bound: h.bounds[i], Least: ns[0], Most: ns[1]}
	}
	return out, nil
}

func parseNumbers(text string) ([]Number, error) {
	var out []Number
	for _, w := range strings.Split(text, ",") {
		n, err := parseNumber(w)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func parseNumber(text string) (Number, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("number %q: want one such as 0.05", text)
	}
	return Number(f), nil
}

// isTime tells a time from the word of a bin.
func isTime(word string) bool {
	const form = "2006-01-02T15:04:05Z"
	return len(word) >= len(form) && word[0] != '"' && word[4] == '-' && word[10] == 'T'
}

// brief quotes the beginning of a line.
func brief(line string) string {
	const most = 60
	if len(line) <= most {
		return strconv.Quote(line)
	}
	return strconv.Quote(line[:most]) + "…"
}
