package notify

import (
	"errors"
	"fmt"
	"time"
)

// Error is a delivery that failed. A notifier returns no other kind.
type Error struct {
	Err       error
	Retryable bool          // the same message may succeed later
	After     time.Duration // the provider asked not to be tried again for so long; 0: it did not say
	// Refusal is what the provider has against the sender, whatever it sends: its key, its token, its
	// channel, its address. Once that is mended the same message goes through. Empty where it is the
	// message that is refused, or where nothing is. It holds no secret, and is one line of at most 300 bytes.
	Refusal string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives what failed. No link of the chain says a secret.
func (e *Error) Unwrap() error { return e.Err }

// Permanent is the error of a message that no repetition will deliver: somebody has to change
// the message or the configuration, and the text should say what.
func Permanent(format string, args ...any) *Error {
	return &Error{Err: fmt.Errorf(format, args...)}
}

// RefusalOf gives what the provider has against the sender; "" for all other errors.
func RefusalOf(err error) string {
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed.Refusal
	}
	return ""
}

// Retryable says whether another attempt can help, with the sender as it is. An error that no notifier made counts as
// retryable: too many attempts are better than a message that is never sent.
func Retryable(err error) bool {
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed.Retryable
	}
	return err != nil
}
