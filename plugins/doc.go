// Package plugins is the contract of channel adapters, the kit their authors use, and the host that runs them.
//
// In:    an adapter binary with its pinned SHA-256; a statement to fetch, or its bytes to decode.
// Out:   records, rejects, control totals; trouble as *Error (the adapter said so) or *ProcessError (the process failed).
// Never: a partial file handed out as success, the host's environment, or an unpinned binary by accident.
//
// An adapter is a subprocess:
//
//	host ── bytes, chunks of 1 MiB at most ──► adapter
//	host ◄── batches of up to 4096 records, rejects ──
//	host ◄── trailer {records, rejects, digest of all the above} ──
//	host ── a transaction to ask for, a callback to read ──► adapter ── one record ──► host
//	host ── heartbeat ──► adapter
//
// A Keeper starts a process again when it ends; a Fleet keeps all adapters of a folder. The host runs adapters on Linux:
// it relies on the parent-death signal.
package plugins
