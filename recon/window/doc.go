// Package window holds primary and shadow against each other a few seconds after it happened: event-time windows that are
// summed up as records come, compared when they close, and folded into the digest of their day.
//
// In:    records as they are written, each with the time of its tag; a changed record with what it was before.
// Out:   one result for each window that closed (again, when something came late), and the day's digest of each side.
// Never: more state than MaxWindows windows and MaxDays days, an event lost or counted twice, a difference in money that is
// silent, a clock of its own: time is a parameter.
package window
