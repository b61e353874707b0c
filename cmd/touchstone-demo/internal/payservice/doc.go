// Package payservice is the small payment service of the demo, in two releases: what a team would put behind the sidecar.
//
// In:    HTTP requests of customers; a database and a channel, both reached through the sidecar's ports.
// Out:   bookings in its tables, calls to the channel, JSON answers.
// Never: knowledge of Touchstone beyond passing X-Gray-Version on and marking its SQL with the release.
package payservice
