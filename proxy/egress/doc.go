// Package egress is the guard on outgoing channel calls: the stable run's calls go to the channel and are recorded,
// the candidate's calls are answered from the recordings and go nowhere.
//
// In:    channel requests of both releases, on one listener a side.
// Out:   the channel's answer, or its replay; the calls of both sides for the comparer.
// Never: a candidate's request to a channel, an answer from a recording that is only similar, or unbounded memory.
package egress
