// Package rules says what is not a break: it gives every difference of a day's batch, and everything that earlier days
// carried in, exactly one fate.
//
// In:    the differences of two sides by key and copy, what the batch before carried out, and the rules of the contract.
// Out:   each booking settled, explained, netted, tolerated, carried or broken, with the rule and the day; write-offs as
// balanced lines; what is carried out, as canonical bytes with a digest.
// Never: I/O of its own, a guess (sums are held against each other only where the bookings name each other), a cent tolerated
// without its line, or a booking with no fate or with two.
package rules
