package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

const masked = "<secret>"

// Secret is a token that does not show: whatever prints, encodes or dumps it gets "<secret>".
// It holds a function, not a string, since fmt prints the unexported fields of a struct by
// reflection without asking their methods. The zero Secret is empty.
type Secret struct{ reveal func() string }

// NewSecret hides a token. White space around it, like the newline at the end of a mounted
// file, is no part of it.
func NewSecret(token string) Secret {
	token = strings.TrimSpace(token)
	return Secret{reveal: func() string { return token }}
}

// Reveal gives the token itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty says that there is no token.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal says that two secrets hide the same token.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// Format masks the token for every verb and flag.
func (s Secret) Format(state fmt.State, _ rune) { io.WriteString(state, masked) }

func (s Secret) String() string { return masked }

// MarshalText masks the token in JSON, YAML and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// Mask replaces the token wherever it stands in text, e.g. in what a server sent back.
func (s Secret) Mask(text string) string {
	if s.Empty() {
		return text
	}
	return strings.ReplaceAll(text, s.Reveal(), masked)
}

// MaskError gives an error that says the same without the token. The chain behind it is cut,
// since each link could say the token again; only the context's errors and ErrTooLong are still
// found in it.
func (s Secret) MaskError(err error) error {
	return maskedError{text: clip(s.Mask(err.Error())), cause: knownCause(err)}
}

type maskedError struct {
	text  string
	cause error
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.cause }

func knownCause(err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded, ErrTooLong} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

// Words makes one short line of text, without the token and without what would not show.
func (s Secret) Words(text string) string {
	const most = 300
	shown := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s.Mask(text))
	shown = strings.Join(strings.Fields(shown), " ")
	if len(shown) > most {
		shown = strings.ToValidUTF8(shown[:most-len("…")], "") + "…"
	}
	return shown
}

// clip keeps what a server said to the length of a log line.
func clip(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
