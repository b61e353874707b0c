package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/lines"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// Compared keeps of what a file would be compared in what channels always say before it: fees, exact times and further
// columns often stand in the file alone.
func Compared(of entry.Compared) entry.Compared {
	return of & (entry.CompareOrder | entry.CompareChannelTxn)
}

// Open gives the bookings of a day as a side. They are copied out of the store first, into a file without a name.
func Open(ctx context.Context, from store.Reader, line, day string, o scan.Options) (_ *scan.Side, err error) {
	text, err := unnamed.File(o.Spool)
	if err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	out := bufio.NewWriterSize(text, 256<<10)
	if _, err := out.Write(lines.Header()); err != nil { // a day without events has one too
		return nil, fmt.Errorf("copy events: %w", err)
	}
	var b []byte
	if err := Each(ctx, from, line, day, func(e *Event) error {
		l := lines.Of(&e.Record)
		b = l.Append(b[:0])
		_, err := out.Write(b)
		return err
	}); err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	o.Format, o.Name = lines.Format("events of a channel", "", true), "events of "+line+"/"+day
	return scan.OpenFile(fmt.Sprintf("/proc/self/fd/%d", text.Fd()), o)
}
