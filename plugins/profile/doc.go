// Package profile is an adapter whose channel is configuration: a bank's file, described by a profile.
//
// In:    a profile (what the files are called, how their lines read), a folder on an SFTP server.
// Out:   the file as it lies there, and its records; a missing file is not ready, never an empty day.
// Never: a server whose host key is not the configured one, a file that is still being written, a layout that was guessed.
package profile
