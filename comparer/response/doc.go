// Package response judges the two sides of one sampled request: status, headers, body, and the outgoing calls. Pure.
//
// In:    a shadow.Pair, and the policy's classes of fields.
// Out:   a verdict with its mismatches, and the generated ids learned on the way.
// Never: a difference in a hard field declared noise, a number read as a float, or a match where not all was seen.
package response
