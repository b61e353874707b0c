package plugins

import "unsafe"

// aliasString gives bytes that never change again as a string, without a copy.
func aliasString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// aliasBytes gives a string's bytes, which nobody may write to.
func aliasBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
