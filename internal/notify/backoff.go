package notify

import (
	"errors"
	"hash/fnv"
	"math"
	"strconv"
	"time"
)

// Backoff says how long to wait between attempts: twice as long each time, between First and
// Most. The zero value waits from one second to two minutes.
type Backoff struct {
	First, Most time.Duration
}

// Wait is the time until the next attempt, after the given number of failed ones (1 or more),
// the last with err. It is never shorter than what the provider asked for, and up to half as
// long again by a jitter that depends on seed and attempt alone: many senders with seeds of
// their own part company, and one sender can be predicted. It does not say whether to try
// again: Retryable and the message's expiry do.
func (b Backoff) Wait(seed string, attempt int, err error) time.Duration {
	wait := b.doubled(attempt)
	if failed, ok := errors.AsType[*Error](err); ok {
		wait = max(wait, failed.After)
	}
	return wait + time.Duration(float64(wait)/2*jitter(seed, attempt))
}

func (b Backoff) doubled(attempt int) time.Duration {
	first, most := b.First, b.Most
	if first <= 0 {
		first = time.Second
	}
	if most <= 0 {
		most = 2 * time.Minute
	}
	doubled := float64(first) * math.Pow(2, float64(max(attempt, 1)-1))
	return time.Duration(min(doubled, float64(max(first, most))))
}

// jitter is a number from 0 up to 1.
func jitter(seed string, attempt int) float64 {
	hash := fnv.New64a()
	hash.Write([]byte(seed + "\x00" + strconv.Itoa(attempt)))
	// The high bits of an FNV hash hardly change with the last bytes: stir them.
	stirred := hash.Sum64()
	stirred = (stirred ^ stirred>>32) * 0x9E3779B97F4A7C15
	return float64(stirred>>11) / (1 << 53)
}
