package judge

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// How sure an answer must be: the chance, one-sided, that counts as far from a bound as those seen come of
// a true share at the bound itself (Clopper and Pearson 1934). The guard asks a rollback bound some 40,000
// times in a release's week, so it asks for more than a cell that a person reads.
const (
	chanceOfRollback = 1e-4
	chanceOfOther    = 1e-2
	chanceOfClear    = 1e-2
	// chanceToMiss is how likely trouble at the bound may have shown in none of the events that clear it.
	chanceToMiss = 0.05
)

// surelyAbove tells whether k of n events is so much that a share of p yields it, or more, with a chance
// below the given one. Sums of what was counted are rounded: k may be more than all, which means all.
func surelyAbove(k, n, p, chance float64) bool {
	k = min(k, n)
	switch {
	case n <= 0 || k <= n*p:
		return false
	case p <= 0 || tail(k, n, p) < chance:
		return true
	}
	return mathext.RegIncBeta(k, n-k+1, p) < chance
}

// surelyBelow tells whether k of n events is so little that a share of p yields it, or less, with a chance
// below the given one. A k below 0 means none.
func surelyBelow(k, n, p, chance float64) bool {
	k = max(k, 0)
	switch {
	case n <= 0 || k >= n*p:
		return false
	case p >= 1 || tail(k, n, p) < chance:
		return true
	}
	return 1-mathext.RegIncBeta(k+1, n-k, p) < chance
}

// tail bounds the chance of a count as far from n*p as k is, on its side (Chernoff 1952). It answers most
// questions at a fraction of the exact one's cost.
func tail(k, n, p float64) float64 {
	return math.Exp(-n * (part(k/n, p) + part(1-k/n, 1-p)))
}

func part(a, b float64) float64 {
	if a <= 0 {
		return 0
	}
	return a * math.Log(a/b)
}

// toClear gives how many events, none of them against it, it takes to clear a bound at p.
func toClear(p float64) float64 {
	if p <= 0 || p >= 1 {
		return MinTotal
	}
	return math.Ceil(math.Log(chanceToMiss) / math.Log1p(-p))
}
