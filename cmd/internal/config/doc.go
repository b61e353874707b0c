// Package config turns the YAML files of the server roles into structs, or into every complaint about them at once.
//
// In:    a YAML file, and the secret files it names relative to its own folder.
// Out:   Sidecar and Comparer, whole and checked; or Problems, each with file:line:col, the key, and what to try.
// Never: a half-read configuration, a key ignored in silence, or a secret in the YAML, an error or a log line.
package config
