// Package lines writes records as lines of text that the scanner reads back: what has no file of its own becomes a side of
// the engine in this way.
//
// In:    records, from an adapter that decodes or from what a channel told.
// Out:   one line a record, and the format that describes them.
// Never: a line that reads as another record than it was written from.
package lines
