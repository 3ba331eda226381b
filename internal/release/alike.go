package release

import (
	"math"
	"reflect"
)

// alike tells whether two values of one type are saved as the same: unlike reflect.DeepEqual it takes
// a number that is none for equal to itself, and an empty list for one that is missing.
func alike(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Float64:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Pointer:
		return a.UnsafePointer() == b.UnsafePointer() || !a.IsNil() && !b.IsNil() && alike(a.Elem(), b.Elem())
	case reflect.Slice:
		return a.Len() == b.Len() && (a.UnsafePointer() == b.UnsafePointer() || allAlike(a.Len(), a.Index, b.Index))
	case reflect.Struct:
		return allAlike(a.NumField(), a.Field, b.Field)
	default:
		return a.Equal(b)
	}
}

func allAlike(n int, a, b func(int) reflect.Value) bool {
	for i := range n {
		if !alike(a(i), b(i)) {
			return false
		}
	}
	return true
}
