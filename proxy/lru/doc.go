// Package lru is a map of bounded size that forgets what was used longest ago.
//
// In:    keys and values.
// Out:   the values, and what had to go.
// Never: more entries than its bound.
package lru
