//go:build amd64 || arm64

package cpu

import "unsafe"

// Prefetch asks the processor to bring the memory at p into its caches, and does not wait for it. It is advice: any address
// will do.
//
//go:noescape
func Prefetch(p unsafe.Pointer)
