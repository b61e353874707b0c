// Package adapters runs the channel adapters that a role's configuration names, and holds their settings.
//
// In:    the pinned binaries of a folder, their secrets and profiles, a file of settings by merchant account.
// Out:   each adapter by name, started again when it ends; the settings for an account, of one version; what it decodes, as lines.
// Never: a binary that is not pinned, or settings of which one half is old.
package adapters
