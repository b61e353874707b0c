// Package drivers holds the sidecar's database ports against real clients of MySQL.
//
// In:    the public test suite of Go's driver, the mariadb command line, PyMySQL, DBD::mysql, and clients that misbehave.
// Out:   every client gets through a port what it gets from the database itself; write sets are what the database holds.
// Never: a client that is skipped because it is not installed.
package drivers
