// Package tidy holds the rules of the whole repository that no compiler knows, as tests over its packages and files:
// who may import whom, one owner for each heavy library, what a package says about itself, which metrics are documented.
package tidy
