//go:build !(amd64 || arm64)

package cpu

import "unsafe"

// Prefetch does nothing here: see its twin for processors whose instruction for it Go's assembler knows.
func Prefetch(unsafe.Pointer) {}
