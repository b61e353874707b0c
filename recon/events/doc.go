// Package events keeps what channels tell before their files are there: callbacks, and answers to questions.
//
// In:    records of callbacks whose signature was verified, and of answers, each with the digest of the message it came in.
// Out:   the latest state of each booking of a day, as a side that the engine scans; what contradicts it, beside it.
// Never: a state that goes back, a contradiction that overwrites anything, an event acknowledged before it is committed.
package events
