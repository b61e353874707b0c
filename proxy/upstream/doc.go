// Package upstream finds the addresses of a service and keeps connections to them: an address, a DNS name, or an SRV name
// with priorities and weights. An address that takes no connection is left out for a while, and a group of lower priority
// takes over when the one before it has no address left.
//
// In:    the URL of a service; what dialing it gave.
// Out:   an address for each request; connections that are alive when they are handed out.
// Never: an address that is gone while another one is there, a connection used by two requests at once.
package upstream
