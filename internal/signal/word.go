package signal

import (
	"math"
	"strconv"
	"strings"
)

// word writes a bin without its end.
func (b Bin) word() string {
	numbers := b.numbers() + b.over()
	switch {
	case b.Cause == Known:
		return numbers
	case numbers == "0":
		return b.Cause.name()
	}
	return b.Cause.name() + ":" + numbers
}

func (b Bin) numbers() string {
	switch {
	case same(b.Total, 0) && same(b.Part, 0):
		return b.Value.short()
	case same(b.Value, b.Part/b.Total):
		return b.Part.short() + "/" + b.Total.short()
	case same(b.Part, 0):
		return b.Value.short() + "@" + b.Total.short()
	}
	return b.Value.short() + "@" + b.Part.short() + "/" + b.Total.short()
}

func (b Bin) over() string {
	words := make([]string, len(b.Over))
	for i, o := range b.Over {
		words[i] = o.Least.short()
		if !same(o.Least, o.Most) {
			words[i] += ".." + o.Most.short()
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "|" + strings.Join(words, ",")
}

// short writes a number; one that is none in small letters, since a capital begins a cause.
func (n Number) short() string {
	if n.IsNaN() {
		return "nan"
	}
	return n.String()
}

// name writes a cause as one word: those of the catalogue as they are, any other in quotes.
func (c Cause) name() string {
	if plain(string(c)) {
		return string(c)
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(string(c)), " ", `\x20`)
}

func plain(s string) bool {
	for i := range len(s) {
		if upper := s[i] >= 'A' && s[i] <= 'Z'; !upper && (i == 0 || s[i] < 'a' || s[i] > 'z') {
			return false
		}
	}
	return s != ""
}

// same tells whether two numbers are the same to the last bit; nothing that is no number differs.
func same(a, b Number) bool {
	return math.Float64bits(float64(a)) == math.Float64bits(float64(b)) || a.IsNaN() && b.IsNaN()
}
