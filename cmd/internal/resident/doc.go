// Package resident keeps the pages of the program's own file in memory only while they are used.
//
// In:    /proc/self/smaps.
// Out:   pages that only starting read, given back; what they hold is the file's and is mapped again when it is used.
// Never: a page that can be written or was written, a page of another file, or the reason that a process ends.
package resident
