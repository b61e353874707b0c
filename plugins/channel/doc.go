// Package channel is what adapters share when they speak to a channel: keys, signatures, HTTP, bounded bodies.
//
// In:    settings and the environment variables they name; answers and files of a channel, believed in nothing.
// Out:   keys, clients, bytes within bounds; trouble as a plugins.Error that says who must act.
// Never: a secret or a download's token in an error, a redirect followed, a body without a bound.
package channel
