// Package pattern matches request paths against the path patterns of a policy.
//
// In:    a pattern such as "/payments/{id}" or the prefix "/v3/", and a path.
// Out:   whether it matches, and what a wildcard stands for.
// Never: a match across a slash, or an empty wildcard.
package pattern
