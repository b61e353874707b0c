package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// Decoder is a Source of statements of which some can be read by nobody else.
type Decoder interface {
	Source
	// Decode writes the lines of a statement, as Format describes them, to w, and gives true; false where the raw file itself
	// has such lines. What was written before an error is void. ErrWrong means that the file is wrong as a whole.
	Decode(ctx context.Context, id ID, file File, raw io.Reader, w io.Writer) (bool, error)
}

// ErrWrong is a file that must not be reconciled: it contradicts itself.
var ErrWrong = errors.New("the file is wrong as a whole")

// decoded gives the claim a view of the archive in which the batch's file is its decoded text, whole: a decoding that broke
// off leaves nothing that could be read. whole is false where the file is wrong. done gives the text back.
func (c *claim) decoded(ctx context.Context, b *Batch) (done func() error, whole bool, err error) {
	nothing := func() error { return nil }
	d, can := c.p.Source.(Decoder)
	if !can || b.File.Empty {
		return nothing, true, nil
	}
	text, err := unnamed.File(c.r.Temp)
	if err != nil {
		return nothing, false, fmt.Errorf("decode statement: %w", err)
	}
	written, err := c.decode(ctx, d, b, text)
	switch {
	case errors.Is(err, ErrWrong):
		return nothing, false, errors.Join(c.refuse(ctx, b, err), text.Close())
	case err != nil:
		return nothing, false, errors.Join(fmt.Errorf("decode statement: %w", err), text.Close())
	case !written:
		return nothing, true, text.Close()
	}
	before, view := c.r, *c.r
	view.Archive = c.r.Archive.showing(b.File.SHA256, fmt.Sprintf("/proc/self/fd/%d", text.Fd()))
	c.r = &view
	return func() error {
		c.r = before // the number of the closed file can be another one's soon
		return text.Close()
	}, true, nil
}

func (c *claim) decode(ctx context.Context, d Decoder, b *Batch, w io.Writer) (written bool, err error) {
	raw, err := os.Open(c.r.Archive.Path(b.File.SHA256))
	if err != nil {
		return false, fmt.Errorf("open archived file: %w", err)
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	return d.Decode(ctx, c.s.ID, b.File, raw, w)
}

// refuse quarantines a file before it was held against anything.
func (c *claim) refuse(ctx context.Context, b *Batch, wrong error) error {
	if b.State == Pending {
		if err := c.prepare(ctx, b); err != nil {
			return err
		}
	}
	return c.quarantine(ctx, b, wrong)
}

// shows tells whether another text stands in the place of a file.
func (a Archive) shows(sha256 string) bool {
	_, is := a.shown[sha256]
	return is
}

// showing gives the archive with another text in the place of a file.
func (a Archive) showing(sha256, path string) Archive {
	shown := maps.Clone(a.shown)
	if shown == nil {
		shown = map[string]string{}
	}
	shown[sha256] = path
	return Archive{Folder: a.Folder, shown: shown}
}
