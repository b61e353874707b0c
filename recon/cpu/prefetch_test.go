package cpu

import (
	"testing"
	"unsafe"
)

// TestPrefetchIsAdvice asks for an address that cannot be read, too.
func TestPrefetchIsAdvice(t *testing.T) {
	words := [4]uint64{1, 2, 3, 4}
	for _, p := range []unsafe.Pointer{nil, unsafe.Pointer(&words)} {
		Prefetch(p)
	}
	if words != [4]uint64{1, 2, 3, 4} {
		t.Error("prefetching changed memory")
	}
}
